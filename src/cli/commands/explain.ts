import { didYouMean } from '../../diagnostic.ts'
import { EXIT, KvmigError } from '../../errors.ts'
import type { Io } from '../io.ts'
import { type Page, readPages } from '../pages.ts'

export interface ExplainOptions {
  readonly code?: string | undefined
}

/** What a code means and what to do about it; without one, the list of all codes. */
export async function run({ code }: ExplainOptions, { stdout }: Io): Promise<number> {
  const pages = readPages()
  if (code === undefined) {
    stdout.write(`${listOf(pages)}\nkvmig explain CODE has more about one of them.\n`)
    return EXIT.done
  }
  const page = pages.find(
    (it) => it.code === code.toUpperCase() || it.title === code || it.title === `check ${code}`,
  )
  if (!page) {
    const meant = didYouMean(
      code,
      pages.map((it) => it.code),
    )
    throw new KvmigError(
      'CODE_UNKNOWN',
      `There is no page for "${code}".${meant ? ` Did you mean ${meant}?` : ''}`,
      {
        hint: 'kvmig explain lists all codes.',
      },
    )
  }
  const { title, help, example } = page
  const parts = [
    `${page.code}  ${title}`,
    ...(help === undefined ? [] : [help]),
    ...(example ? [`Wrong:\n${indented(example.wrong)}`, `Right:\n${indented(example.right)}`] : []),
  ]
  stdout.write(`${parts.join('\n\n')}\n`)
  return EXIT.done
}

const indented = (lines: string): string => (lines === '' ? '(nothing)' : lines).replace(/^/gm, '  ')

function listOf(pages: readonly Page[]): string {
  const chapters = [...new Set(pages.map((it) => it.chapter))]
  return chapters
    .map((chapter) => {
      const own = pages.filter((it) => it.chapter === chapter)
      const width = Math.max(...own.map((it) => it.code.length))
      return `${chapter}\n${own.map((it) => `  ${it.code.padEnd(width)}  ${it.title}\n`).join('')}`
    })
    .join('\n')
}
