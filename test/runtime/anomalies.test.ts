import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anomalies, counterAnomalies, listAnomalies, type Written } from './anomalies.ts'

/** `a 1-3`: value a, from 1 to 3. `a 1-`: nobody heard of its end. `a 1!`: refused. `- 1-2`: a delete. */
const write = (text: string): Written => {
  const [, value, began, ended, refused] = /^(\S+) (\d+)(?:-(\d*))?(!?)$/.exec(text)!
  return {
    record: 'r',
    value: value === '-' ? null : value!,
    began: Number(began),
    ended: ended ? Number(ended) : undefined,
    refused: refused === '!',
  }
}
const read = (text: string) => ({ ...write(text) })
const end = (value: string | null) => new Map([['r', value]])

interface Case {
  readonly what: string
  readonly writes: readonly string[]
  readonly reads?: readonly string[]
  readonly end: string | null
  readonly found: readonly string[]
}

const CASES: readonly Case[] = [
  { what: 'nothing happened', writes: [], end: null, found: [] },
  { what: 'the last confirmed write', writes: ['a 1-2', 'b 3-4'], end: 'b', found: [] },
  { what: 'either of two that overlap', writes: ['a 1-4', 'b 2-3'], end: 'a', found: [] },
  { what: 'the other of two that overlap', writes: ['a 1-4', 'b 2-3'], end: 'b', found: [] },
  { what: 'one that nobody heard of, which took place', writes: ['a 1-2', 'b 3-'], end: 'b', found: [] },
  { what: 'one that nobody heard of, which did not', writes: ['a 1-2', 'b 3-'], end: 'a', found: [] },
  { what: 'one that nobody heard of, and which came late', writes: ['a 1-', 'b 3-4'], end: 'a', found: [] },
  { what: 'a delete', writes: ['a 1-2', '- 3-4'], end: null, found: [] },
  { what: 'the latest of several deletes', writes: ['- 1-2', 'a 3-4', '- 5-6'], end: null, found: [] },
  { what: 'a read while a write goes on', writes: ['a 1-2', 'b 3-6'], reads: ['a 4'], end: 'b', found: [] },
  { what: 'a refused write left no trace', writes: ['a 1-2', 'b 3!'], end: 'a', found: [] },

  { what: 'an older write', writes: ['a 1-2', 'b 3-4'], end: 'a', found: ['lost'] },
  { what: 'nothing, where a write was confirmed', writes: ['a 1-2'], end: null, found: ['lost'] },
  {
    what: 'nothing, where only an earlier delete was confirmed',
    writes: ['- 1-2', 'a 3-4'],
    end: null,
    found: ['lost'],
  },
  { what: 'a value that nobody wrote', writes: ['a 1-2'], end: 'x', found: ['invented'] },
  { what: 'a value that was refused', writes: ['a 1-2', 'b 3!'], end: 'b', found: ['invented'] },
  { what: 'a deleted value at the end', writes: ['a 1-2', '- 3-4'], end: 'a', found: ['resurrected'] },
  {
    what: 'a deleted value in a read',
    writes: ['a 1-2', '- 3-4', 'b 6-7'],
    reads: ['a 5'],
    end: 'b',
    found: ['resurrected'],
  },
  {
    what: 'a read of what was replaced before',
    writes: ['a 1-2', 'b 3-4'],
    reads: ['a 5'],
    end: 'b',
    found: ['stale'],
  },
  { what: 'a read of nothing after a write', writes: ['a 1-2'], reads: ['- 3'], end: 'a', found: ['stale'] },
  {
    what: 'a read of what nobody wrote',
    writes: ['a 1-2'],
    reads: ['x 3'],
    end: 'a',
    found: ['invented'],
  },
]

test.each(CASES)('$what: $found', ({ writes, reads = [], end: value, found }) => {
  const seen = reads.map(read)
  expect(anomalies(writes.map(write), seen, end(value)).map((it) => it.kind)).toEqual(found)
})

test.each([
  { what: 'all in order', appends: ['a 1-2', 'b 3-4'], items: ['a', 'b'], found: [] },
  { what: 'overlapping, the other way round', appends: ['a 1-4', 'b 2-3'], items: ['b', 'a'], found: [] },
  { what: 'one that nobody heard of', appends: ['a 1-', 'b 2-3'], items: ['b', 'a'], found: [] },
  { what: 'one that nobody heard of, and that is not there', appends: ['a 1-'], items: [], found: [] },
  { what: 'twice', appends: ['a 1-2'], items: ['a', 'a'], found: ['duplicated'] },
  { what: 'a confirmed one is missing', appends: ['a 1-2', 'b 3-4'], items: ['b'], found: ['lost'] },
  { what: 'nobody appended it', appends: ['a 1-2'], items: ['a', 'x'], found: ['invented'] },
  { what: 'it was refused', appends: ['a 1!'], items: ['a'], found: ['invented'] },
  { what: 'later before earlier', appends: ['a 1-2', 'b 3-4'], items: ['b', 'a'], found: ['reordered'] },
])('a list, $what: $found', ({ appends, items, found }) => {
  expect(listAnomalies(appends.map(write), items).map((it) => it.kind)).toEqual(found)
})

test.each([
  { total: 2, found: ['lost'] },
  { total: 3, found: [] },
  { total: 5, found: [] },
  { total: 6, found: ['duplicated'] },
])('3 increments confirmed, of 2 nobody knows, $total counted: $found', ({ total, found }) => {
  expect(counterAnomalies('c', { done: 3, unknown: 2 }, total).map((it) => it.kind)).toEqual(found)
})

/** A store that does one thing after the other, at some instant of each call: whatever it shows is right. */
const calls = fc.array(
  fc.record({
    isRead: fc.boolean(),
    isDelete: fc.boolean(),
    isHeard: fc.boolean(),
    before: fc.nat({ max: 3 }),
    after: fc.nat({ max: 3 }),
  }),
  { maxLength: 30 },
)

test('finds nothing in what a store showed that does everything at one instant', () => {
  fc.assert(
    fc.property(calls, (all) => {
      let value: string | null = null
      const writes: Written[] = []
      const seen: { record: string; value: string | null; began: number }[] = []
      for (const [at, { isRead, isDelete, isHeard, before, after }] of all.entries()) {
        const [began, ended] = [at - before - 0.1, at + after + 0.1]
        if (isRead) seen.push({ record: 'r', value, began })
        else {
          value = isDelete ? null : `v${at}`
          writes.push({ record: 'r', value, began, ended: isHeard ? ended : undefined, refused: false })
        }
      }
      expect(anomalies(writes, seen, end(value))).toEqual([])
    }),
  )
})

test('finds that a store shows an earlier value than the last one that was confirmed alone', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), fc.nat(), (count, chosen) => {
      const writes = Array.from({ length: count }, (_, at) => write(`v${at} ${at * 2}-${at * 2 + 1}`))
      const old = `v${chosen % (count - 1)}`
      expect(anomalies(writes, [], end(old)).map((it) => it.kind)).toEqual(['lost'])
    }),
  )
})
