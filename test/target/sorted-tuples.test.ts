import { describe, expect, test } from 'vitest'
import type { BaseType } from '../../src/plan/table.ts'
import { TupleWriter } from '../../src/target/codec.ts'
import { builtInType } from '../../src/target/column-types.ts'
import { sortedTuples } from '../../src/target/sorted-tuples.ts'
import type { Cell } from '../../src/value.ts'

function written(base: BaseType, keys: readonly Cell[], payload = 'x'): TupleWriter {
  const writer = new TupleWriter([
    builtInType({ base: 'text', array: false, sql: 'text' }),
    builtInType({ base, array: false, sql: base }),
  ])
  for (const key of keys) writer.append([payload, key])
  return writer
}

/** What a COPY would be sent. */
const sent = (writer: TupleWriter) => Buffer.concat([...sortedTuples(writer, 1).pieces()])

const shuffled = (count: number) => Array.from({ length: count }, (_, it) => (it * 7919) % count)

describe('rows are in the order of their keys', () => {
  test.each<[string, BaseType, (it: number) => Cell]>([
    ['texts that begin alike', 'text', (it) => `messages-${String(it).padStart(8, '0')}`],
    ['texts of different lengths', 'text', (it) => `k${it.toString(36)}`],
    ['numbers', 'bigint', (it) => BigInt(it)],
    ['small numbers', 'integer', (it) => it],
    ['UUIDs', 'uuid', (it) => `${String(it).padStart(8, '0')}-0000-4000-8000-000000000000`],
    ['moments', 'timestamptz', (it) => 1_700_000_000_000_000n + BigInt(it)],
  ])('%s', (_, base, key) => {
    const writer = written(base, shuffled(5000).map(key))
    const { order } = sortedTuples(writer, 1)
    expect([...order].sort((a, b) => a - b)).toEqual([...order.keys()])
    const keys = order.map((it) => writer.tuple(it).subarray(11))
    const outOfOrder = keys.filter((it, at) => at > 0 && Buffer.compare(keys[at - 1]!, it) > 0)
    expect(outOfOrder).toEqual([])
  })
})

test.each([0, 1, 2, 3])('%i rows are sent as they are', (count) => {
  const writer = written('integer', shuffled(count))
  expect(sent(writer).length).toBe(writer.bytes)
})

test('every row is sent once, small ones together and large ones by themselves', () => {
  const writer = new TupleWriter(Array(2).fill(builtInType({ base: 'text', array: false, sql: 'text' })))
  for (let row = 0; row < 300; row++)
    writer.append([(row % 7 === 0 ? 'large' : 's').repeat(row * (row % 7 === 0 ? 500 : 3)), `k${row}`])
  const pieces = [...sortedTuples(writer, 1).pieces()]
  expect(Math.max(...pieces.map((it) => it.length))).toBeGreaterThan(1 << 18)
  expect(pieces.length).toBeLessThan(300)
  const rows = sortedTuples(writer, 1).order.map((it) => writer.tuple(it))
  expect(Buffer.concat(pieces).equals(Buffer.concat(rows))).toBe(true)
})

test('a table without a key is sent in the order it came', () => {
  const writer = written('integer', [3, 1, 2])
  expect(sortedTuples(writer, undefined).order).toEqual([0, 1, 2])
})
