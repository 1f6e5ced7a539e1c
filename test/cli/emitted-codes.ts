import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const SOURCE = join(import.meta.dirname, '../../src')

/**
 * Every code that the program can print, as its source says it: first arguments of errors, `code:` of tables, `KV` numbers. A code that
 * is put together from parts would not be found, so none is.
 */
export function emittedCodes(): readonly string[] {
  const codes = new Set<string>()
  for (const file of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue
    const text = readFileSync(join(SOURCE, file), 'utf8')
    for (const pattern of PATTERNS)
      for (const [, code] of text.matchAll(pattern)) if (!NOT_PRINTED.has(code!)) codes.add(code!)
  }
  return [...codes].sort()
}

const PATTERNS = [
  /new \w*Error\(\s*'([A-Z][A-Z_0-9]+)'/g,
  /\bcode(?:: | = )'([A-Z][A-Z_0-9]+)'/g,
  /\b(?:sentence|error|warning|problem)\(\s*'([A-Z][A-Z_0-9]+)'/g,
  /'(KV\d{3})'/g,
]

/** Words of the system that are read, not printed. */
const NOT_PRINTED: ReadonlySet<string> = new Set(['ETIMEDOUT', 'MOVED'])
