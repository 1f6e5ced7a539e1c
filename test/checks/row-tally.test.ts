import { describe, expect, test } from 'vitest'
import { RowTally } from '../../src/checks/row-tally.ts'
import { TupleWriter } from '../../src/target/codec.ts'
import { builtInType } from '../../src/target/column-types.ts'
import type { Row } from '../../src/value.ts'

const TYPES = (['text', 'integer', 'text'] as const).map((base) =>
  builtInType({ base, array: false, sql: base }),
)

function tallyOf(rows: readonly Row[], keyIndexes: readonly number[] = [0]): RowTally {
  const writer = new TupleWriter(TYPES)
  for (const row of rows) writer.append(row)
  const tally = new RowTally(keyIndexes)
  for (let row = 0; row < writer.count; row++) tally.add(writer.all(), writer.startOf(row))
  return tally
}

const rows: readonly Row[] = Array.from({ length: 3000 }, (_, it) => [`k${it}`, it, it % 3 ? `v${it}` : null])

describe('two sets of rows', () => {
  test('are alike in any order', () => {
    expect(tallyOf(rows).differs(tallyOf(rows.toReversed()))).toBe(false)
    expect(tallyOf(rows).alike(tallyOf(rows.toReversed()))).toBe(3000)
  })

  test.each<[string, (rows: Row[]) => void]>([
    ['one is missing', (it) => it.splice(17, 1)],
    ['one is there twice', (it) => it.push(it[17]!)],
    ['one is there twice and another is missing', (it) => it.splice(17, 1, it[18]!)],
    ['a number is another', (it) => it.splice(17, 1, ['k17', 18, 'v17'])],
    ['a text is another', (it) => it.splice(17, 1, ['k17', 17, 'v18'])],
    ['a text is empty instead of NULL', (it) => it.splice(18, 1, ['k18', 18, ''])],
    ['two have changed their values', (it) => it.splice(16, 2, ['k16', 17, 'v17'], ['k17', 16, 'v16'])],
    ['bytes have moved from one field into the next', (it) => it.splice(17, 1, ['k1', 17, '7v17'])],
  ])('differ where %s', (_, change) => {
    const changed = [...rows]
    change(changed)
    expect(tallyOf(rows).differs(tallyOf(changed))).toBe(true)
    expect(tallyOf(changed).differs(tallyOf(rows))).toBe(true)
  })
})

test('a difference is found in every field, wherever it is, by every bit', () => {
  const row: Row = ['key', 1_234_567, 'a text of some length']
  const writer = new TupleWriter(TYPES)
  writer.append(row)
  const whole = Buffer.from(writer.all())
  const same = new RowTally([0])
  same.add(whole, 0)
  for (let at = 0; at < whole.length; at++) {
    // Lengths would lead out of the row.
    if (at < 6 || (at >= 9 && at < 13) || (at >= 17 && at < 21)) continue
    for (let bit = 0; bit < 8; bit++) {
      const changed = Buffer.from(whole)
      changed[at]! ^= 1 << bit
      const other = new RowTally([0])
      other.add(changed, 0)
      expect(same.differs(other)).toBe(true)
    }
  }
})

test('the row that differs is in a sum that differs, and few others are', () => {
  const changed: Row[] = rows.map((it) => (it[0] === 'k17' ? ['k17', 0, 'other'] : it))
  const [before, after] = [tallyOf(rows), tallyOf(changed)]
  const writer = new TupleWriter(TYPES)
  for (const row of rows) writer.append(row)
  const suspects = rows.filter((_, row) => before.differsAt(writer.all(), writer.startOf(row), after))
  expect(suspects).toContainEqual(rows[17])
  expect(suspects.length).toBeLessThan(10)
  expect(before.alike(after)).toBe(3000 - suspects.length)
})
