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

test('runs of every length and distance are what they would be byte by byte, wherever in memory they lie', () => {
  const step = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 32 }).map((bytes) => ({ bytes })),
    fc.record({ distance: fc.integer({ min: 1, max: 8192 }), length: fc.integer({ min: 3, max: 264 }) }),
  )
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 20 }),
      fc.nat({ max: 7 }),
      fc.nat({ max: 7 }),
      (steps, before, there) => {
        const packed: number[] = []
        const plain: number[] = []
        for (const it of steps) {
          if ('bytes' in it) {
            packed.push(it.bytes.length - 1, ...it.bytes)
            plain.push(...it.bytes)
            continue
          }
          if (plain.length === 0) continue
          const distance = ((it.distance - 1) % plain.length) + 1
          const high = (distance - 1) >> 8
          if (it.length > 8) packed.push((7 << 5) | high, it.length - 9)
          else packed.push(((it.length - 2) << 5) | high)
          packed.push((distance - 1) & 255)
          for (let left = it.length; left > 0; left--) plain.push(plain[plain.length - distance]!)
        }
        const from = Uint8Array.from([...new Array(before).fill(0xee), ...packed])
        const memory = new Uint8Array(plain.length + 20).fill(0xaa)
        const into = memory.subarray(there, there + plain.length)
        expect(lzfDecompress(from, before, from.length, into)).toBe(true)
        expect([...into]).toEqual(plain)
        expect([...memory.subarray(there + plain.length)].every((it) => it === 0xaa)).toBe(true)
      },
    ),
    { numRuns: 1000 },
  )
})
