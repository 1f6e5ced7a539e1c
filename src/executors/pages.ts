import { exactKey, type KeyPattern, literalPrefix } from '../plan/key-pattern.ts'
import type { Cursor, Page, Selection, Source } from '../sources/source.ts'

/** Reads what a pass needs and as little else as the source can leave out: these keys, those that its templates name, or a scan. */
export function pagesOf(
  source: Source,
  reading: {
    readonly keys: readonly Buffer[] | undefined
    readonly patterns: readonly KeyPattern[]
    readonly want: Selection['want']
  },
  from: Cursor | undefined,
): AsyncIterable<Page> {
  const { keys, patterns, want } = reading
  if (keys) return source.read(keys)
  const exact = patterns.map(exactKey)
  if (exact.every((it) => it !== undefined))
    return source.read([...new Set(exact)].map((it) => Buffer.from(it)))
  return source.scan({ prefix: Buffer.from(commonPrefix(patterns.map(literalPrefix))), want }, from)
}

function commonPrefix(prefixes: readonly string[]): string {
  let common = prefixes[0] ?? ''
  for (const prefix of prefixes) while (!prefix.startsWith(common)) common = common.slice(0, -1)
  return common
}
