import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readMsgpack, writeMsgpack } from '../../src/mapping/msgpack.ts'
import { Decimal, Instant, RejectError, type Value } from '../../src/value.ts'

const read = (hex: string): unknown => {
  try {
    return readMsgpack(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 'reject')
  } catch (error) {
    if (error instanceof RejectError) return error.code
    throw error
  }
}
const n = (text: string) => new Decimal(text)

test.each<[string, unknown]>([
  ['c0', null],
  ['c2', false],
  ['c3', true],
  ['00', n('0')],
  ['7f', n('127')],
  ['e0', n('-32')],
  ['cc ff', n('255')],
  ['cd ffff', n('65535')],
  ['ce ffffffff', n('4294967295')],
  ['cf ffffffffffffffff', n('18446744073709551615')],
  ['cf 0020000000000001', n('9007199254740993')],
  ['d0 80', n('-128')],
  ['d1 8000', n('-32768')],
  ['d2 80000000', n('-2147483648')],
  ['d3 8000000000000000', n('-9223372036854775808')],
  ['ca 3f000000', n('0.5')],
  ['cb 3fb999999999999a', n('0.1')],
  ['cb 7fefffffffffffff', n('1.7976931348623157e308')],
  ['cb 8000000000000000', n('-0')],
  ['cb 7ff0000000000000', 'NON_FINITE'],
  ['ca 7fc00000', 'NON_FINITE'],
  ['a0', ''],
  ['a2 c3a9', 'é'],
  ['d9 01 61', 'a'],
  ['da 0001 61', 'a'],
  ['db 00000001 61', 'a'],
  ['a1 ff', 'INVALID_UTF8'],
  ['c4 02 00ff', Buffer.from([0, 255])],
  ['c5 0001 00', Buffer.from([0])],
  ['c6 00000001 00', Buffer.from([0])],
  ['92 01 a1 61', [n('1'), 'a']],
  ['dc 0001 c0', [null]],
  ['dd 00000001 c0', [null]],
  ['81 a1 61 01', new Map([['a', n('1')]])],
  ['de 0001 a1 61 01', new Map([['a', n('1')]])],
  ['df 00000001 a1 61 01', new Map([['a', n('1')]])],
  ['82 a1 61 01 a1 61 02', 'DUPLICATE_JSON_KEY'],
  ['81 01 02', 'TYPE_MISMATCH'],
  ['d6 ff 00000001', new Instant(1_000_000n)],
  ['d7 ff 0000 0fa0 0000 0001', new Instant(1_000_001n)],
  ['d7 ff 0000 0004 0000 0001', 'LOSSY_PRECISION'],
  ['c7 0c ff 00000000 ffffffffffffffff', new Instant(-1_000_000n)],
  ['d5 ff 0000', 'CODEC_MISMATCH'],
  ['d4 01 00', 'CODEC_MISMATCH'],
  ['c1', 'CODEC_MISMATCH'],
  ['', 'CODEC_MISMATCH'],
  ['92 01', 'CODEC_MISMATCH'],
  ['dd ffffffff', 'CODEC_MISMATCH'],
  ['a5 61', 'CODEC_MISMATCH'],
  ['01 02', 'CODEC_MISMATCH'],
  ['91'.repeat(1100), 'JSON_TOO_DEEP'],
])('%s', (hex, expected) => {
  expect(read(hex)).toEqual(expected)
})

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.string({ unit: 'grapheme' }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).map((it) => n(String(it))),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .filter((it) => !Number.isInteger(it))
      .map((it) => n(String(it))),
    fc.uint8Array().map((it) => Buffer.from(it)),
    fc.bigInt({ min: -(10n ** 15n), max: 10n ** 16n }).map((it) => new Instant(it)),
    fc.array(tie('value')),
    fc.dictionary(fc.string(), tie('value')).map((it) => new Map(Object.entries(it))),
  ),
}))

describe('the way back', () => {
  test('gives bytes that say the same', () => {
    fc.assert(
      fc.property(value, (it) => {
        expect(readMsgpack(writeMsgpack(it), 'reject')).toEqual(it)
      }),
    )
  })

  test('has no form for numbers that a double would round', () => {
    expect(() => writeMsgpack(n('0.12345678901234567890'))).toThrow(RejectError)
    expect(() => writeMsgpack(n('18446744073709551616'))).toThrow(RejectError)
    expect(() => writeMsgpack(n('1e400'))).toThrow(RejectError)
  })
})

test('any bytes are read or refused with a code', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        readMsgpack(Buffer.from(bytes), 'reject')
      } catch (error) {
        expect(error).toBeInstanceOf(RejectError)
      }
    }),
  )
})
