import { counted } from '../wording.ts'
import { html, prose } from './syntax.ts'

/** One part of a comment. */
export interface Section {
  /** Plain text. */
  readonly title: string
  /** Markdown; a section without is not shown. */
  readonly body: string
  /** Shown at once; otherwise behind a click. */
  readonly open?: boolean
}

/** Joins sections into at most `longest` characters: the longest bodies are left out first, then the last sections. */
export function joinSections(sections: readonly Section[], longest: number): string {
  const parts = sections
    .filter(({ body }) => body !== '')
    .map((it) => ({ text: rendered(it), short: leftOut(it) }))
  let total = parts.reduce((sum, { text }) => sum + text.length, 0)
  for (const part of parts.toSorted((a, b) => b.text.length - a.text.length)) {
    if (total <= longest || part.short.length >= part.text.length) break
    total += part.short.length - part.text.length
    part.text = part.short
  }

  const texts = parts.map(({ text }) => text)
  const note = () => (texts.length === parts.length ? '' : droppedNote(parts.length - texts.length))
  while (texts.length > 0 && texts.join('').length + note().length > longest) texts.pop()
  return texts.join('') + (note().length <= longest ? note() : '')
}

const rendered = ({ title, body, open }: Section): string =>
  open
    ? `\n**${prose(title)}**\n\n${body}\n`
    : `\n<details><summary>${html(title)}</summary>\n\n${body}\n\n</details>\n`

const leftOut = ({ title, body }: Section): string =>
  `\n**${prose(title)}**: ${counted(body.split('\n').length, 'line')} left out, too long for a comment.\n`

const droppedNote = (count: number): string =>
  `\n_${counted(count, 'more section')} left out: too long for a comment._\n`
