import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { listpack, listpackStrings } from '../../src/sources/rdb/listpack.ts'

/** As Redis writes it (src/listpack.c): an element is text, or an integer in one of six widths. */
function packed(elements: readonly (string | bigint)[]): Buffer {
  const body = Buffer.concat(
    elements.map((it) => {
      const own = typeof it === 'string' ? textElement(Buffer.from(it)) : integerElement(it)
      return Buffer.concat([own, backwards(own.length)])
    }),
  )
  const head = Buffer.alloc(6)
  head.writeUInt32LE(body.length + 7, 0)
  return Buffer.concat([head, body, Buffer.of(255)])
}

function textElement(bytes: Buffer): Buffer {
  if (bytes.length < 64) return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes])
  if (bytes.length < 4096)
    return Buffer.concat([Buffer.of(0xe0 | (bytes.length >> 8), bytes.length & 255), bytes])
  const head = Buffer.alloc(5, 0xf0)
  head.writeUInt32LE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}

function integerElement(value: bigint): Buffer {
  if (value >= 0n && value < 128n) return Buffer.of(Number(value))
  if (value >= -4096n && value < 4096n) {
    const bits = Number(BigInt.asUintN(13, value))
    return Buffer.of(0xc0 | (bits >> 8), bits & 255)
  }
  const width = [2, 3, 4, 8].find((it) => BigInt.asIntN(8 * it, value) === value)!
  const bytes = Buffer.alloc(9, 0xf0 + [2, 3, 4, 8].indexOf(width) + 1)
  bytes.writeBigInt64LE(value, 1)
  return bytes.subarray(0, 1 + width)
}

const backwards = (length: number): Buffer => {
  const bytes = [length & 127]
  for (let left = length >> 7; left > 0; left >>= 7) bytes.unshift((left & 127) | 0x80)
  return Buffer.from(bytes.reverse().reverse())
}

const complain = (what: string) => new Error(what)
const texts = (items: readonly Buffer[]) => items.map((it) => it.toString())

describe('a listpack', () => {
  test('has integers of every width, to the last digit', () => {
    const edges = [1n, 7n, 12n, 15n, 23n, 31n, 53n, 63n].map((it) => 2n ** it)
    const integers = [
      0n,
      10n,
      99n,
      100n,
      ...edges.flatMap((it) => [it - 1n, -it, ...(it < 2n ** 63n ? [it, it + 1n, -it - 1n] : [])]),
    ]
    expect(texts(listpack(packed(integers), complain))).toEqual(integers.map(String))
    expect(texts(listpackStrings(packed(integers), complain).list())).toEqual(integers.map(String))
  })

  test('gives the same in one piece and element by element', () => {
    const element = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.maxSafeInteger().map(BigInt),
      fc.constant('x'.repeat(5000)),
    )
    fc.assert(
      fc.property(fc.array(element), (elements) => {
        const bytes = packed(elements)
        expect(texts(listpack(bytes, complain))).toEqual(elements.map(String))
        expect(texts(listpackStrings(bytes, complain).list())).toEqual(elements.map(String))
      }),
    )
  })

  test('is refused in the same words by both, whatever is wrong with it', () => {
    const damaged = fc
      .tuple(
        fc.array(fc.oneof(fc.string({ maxLength: 9 }), fc.bigInt({ min: -5000n, max: 2n ** 40n })), {
          minLength: 1,
        }),
        fc.nat(),
        fc.nat(255),
      )
      .map(([elements, place, byte]) => {
        const bytes = packed(elements)
        bytes[6 + (place % (bytes.length - 7))] = byte
        return bytes
      })
    const said = (read: () => readonly Buffer[]) => {
      try {
        return texts(read())
      } catch (error) {
        return (error as Error).message
      }
    }
    fc.assert(
      fc.property(damaged, (bytes) => {
        expect(said(() => listpackStrings(bytes, complain).list())).toEqual(
          said(() => listpack(bytes, complain)),
        )
      }),
    )
  })
})
