import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/** The hazards that have to have a test of their own: those of copies and dual-write, of runs and leases, of stores that fail, of going back. */
const NAMES = [
  [1, 29],
  [44, 50],
  [57, 66],
  [69, 72],
].flatMap(([from, to]) =>
  Array.from({ length: to! - from! + 1 }, (_, n) => `H${String(from! + n).padStart(2, '0')}`),
)

test('every hazard has a test that is called by its name', () => {
  const folder = import.meta.dirname
  const titles = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((it) => it.endsWith('.test.ts'))
    .flatMap((it) => titlesIn(readFileSync(join(folder, it), 'utf8')))
    .join('\n')
  expect(NAMES).toHaveLength(50)
  expect(NAMES.filter((it) => !new RegExp(`\\b${it}\\b`).test(titles))).toEqual([])
})

/** What stands as a title: the first text after test(, describe(, or the bracket that ends the table of one. */
const titlesIn = (text: string): readonly string[] =>
  [
    ...text.matchAll(
      /(?:\b(?:test|describe)(?:\.(?:concurrent|sequential))?\(|\]\)\(|\] as const\)\()\s*(['`])((?:(?!\1).)*)\1/g,
    ),
  ].map((it) => it[2]!)
