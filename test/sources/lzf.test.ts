import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lzfDecompress } from '../../src/sources/rdb/lzf.ts'

test.each([
  ['bytes as they are', [2, 1, 2, 3], [1, 2, 3]],
  ['a run that overlaps with itself', [0, 7, 0x40, 0], [7, 7, 7, 7, 7]],
  ['a long run', [0, 7, 0xe0, 91, 0], Array.from({ length: 101 }, () => 7)],
  ['a run from further back', [3, 1, 2, 3, 4, 0x20, 3], [1, 2, 3, 4, 1, 2, 3]],
])('%s', (_, packed, expected) => {
  const into = new Uint8Array(expected.length)
  expect(lzfDecompress(Uint8Array.from(packed), 0, packed.length, into)).toBe(true)
  expect([...into]).toEqual(expected)
})

test.each([
  ['ends within bytes', [5, 1, 2], 3],
  ['ends before the distance', [0, 1, 0x20], 4],
  ['ends before the length', [0, 1, 0xe0], 4],
  ['points before the beginning', [0, 1, 0x20, 5], 4],
  ['gives more than it says', [2, 1, 2, 3], 2],
  ['gives less than it says', [2, 1, 2, 3], 4],
])('what %s is not unpacked', (_, packed, size) => {
  expect(lzfDecompress(Uint8Array.from(packed), 0, packed.length, new Uint8Array(size))).toBe(false)
})

test('nothing outside of its range is written, whatever the bytes are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat({ max: 200 }), (packed, size) => {
      const memory = new Uint8Array(size + 20).fill(0xaa)
      lzfDecompress(packed, 0, packed.length, memory.subarray(10, 10 + size))
      expect([...memory.subarray(0, 10), ...memory.subarray(10 + size)].every((it) => it === 0xaa)).toBe(true)
    }),
    { numRuns: 5000 },
  )
})
