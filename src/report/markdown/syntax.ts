import { printable, printableSentence } from '../../printable.ts'

/** Prose: nothing in it is markup, HTML, a mention, a reference to an issue, or the end of a table's cell. */
export const prose = (text: string): string =>
  printableSentence(text).replace(
    /[@#](?=\w)|^[-+#=]|[\\`*_[\]~$]|[&<>|]/g,
    (it, at: number, whole: string) => {
      if (isReference(it, at, whole)) return `${it}${NOTHING}`
      return '&<>|'.includes(it) ? entity(it) : `\\${it}`
    },
  )

/** A title inside HTML: whether markdown is read there depends on what is around it, mentions always are. */
export const html = (text: string): string =>
  printableSentence(text).replace(/[@#](?=\w)|[&<>"'|\\`*_[\]~$]/g, (it, at: number, whole: string) =>
    isReference(it, at, whole) ? `${it}${NOTHING}` : entity(it),
  )

// GitHub looks for @name and #1 after all escapes are resolved; only something in between stops it.
const NOTHING = '<!-- -->'
const isReference = (character: string, at: number, whole: string): boolean =>
  '@#'.includes(character) && /\w/.test(whole[at + 1] ?? '')

/** Code: a key, an id, a path. Long ones lose their middle. */
export function code(text: string): string {
  const shown = printable(text)
  if (shown === '') return ''
  // A backtick would end the code, and a bar the cell of a table, whatever stands before it.
  if (/[`|]/.test(shown)) return `<code>${shown.replace(/[^\p{L}\p{N} .:/-]/gu, entity)}</code>`
  return `\`${shown}\``
}

/** A table; the cells are markdown already. `>` before a heading: numbers, to the right. Nothing where there are no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const names = head.map((it) => it.replace(/^>/, ''))
  const rules = head.map((it) => (it.startsWith('>') ? '---:' : '---'))
  return [names, rules, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** Paragraphs; empty ones vanish. */
export const paragraphs = (...parts: readonly string[]): string =>
  parts.filter((it) => it !== '').join('\n\n')

const entity = (character: string): string => `&#${character.codePointAt(0)};`
