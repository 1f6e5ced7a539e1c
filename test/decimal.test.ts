import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalNumeric,
  compareNumbers,
  divide,
  integerOf,
  multiply,
  scaledNumeric,
  significant,
} from '../src/decimal.ts'
import { RejectError } from '../src/value.ts'

const or = <T>(compute: () => T): T | string => {
  try {
    return compute()
  } catch (error) {
    if (error instanceof RejectError) return error.code
    throw error
  }
}

describe('scaledNumeric', () => {
  test.each([
    ['12345678.90', 10, 2, '12345678.90'],
    ['1.1', 10, 2, '1.10'],
    ['1.100', 10, 2, '1.10'],
    ['0', 10, 2, '0.00'],
    ['-0.001e1', 10, 2, '-0.01'],
    ['-0.000', 10, 2, '0.00'],
    ['1e3', 10, 0, '1000'],
    ['1.005', 10, 2, 'LOSSY_ROUNDING'],
    ['0.001', 10, 2, 'LOSSY_ROUNDING'],
    ['1e-9', 10, 2, 'LOSSY_ROUNDING'],
    ['123456789.01', 10, 2, 'NUMERIC_OVERFLOW'],
    ['1e8', 10, 2, 'NUMERIC_OVERFLOW'],
    ['1e999999999', 10, 2, 'NUMERIC_OVERFLOW'],
    ['12300', 3, -2, '12300'],
    ['12345', 3, -2, 'LOSSY_ROUNDING'],
    ['0.00012', 2, 5, '0.00012'],
    ['0.01', 2, 5, 'NUMERIC_OVERFLOW'],
  ] as const)('gives %s as numeric(%i,%i): %s', (text, precision, scale, expected) => {
    expect(or(() => scaledNumeric(text, precision, scale))).toBe(expected)
  })
})

describe('integerOf', () => {
  test.each([
    ['5', 5n],
    ['-5.000', -5n],
    ['5000e-3', 5n],
    ['1e3', 1000n],
    ['-0', 0n],
    ['0e999999999', 0n],
    ['9223372036854775808', 9223372036854775808n],
    ['5.5', 'fraction'],
    ['1e-1', 'fraction'],
    ['1e-999999999', 'fraction'],
    ['1e41', 'huge'],
    ['1e999999999999999999999', 'huge'],
  ])('of %s is %s', (text, expected) => {
    expect(integerOf(text)).toBe(expected)
  })
})

test.each([
  ['0', '', 0],
  ['-120.0', '12', 2],
  ['0.00120', '12', -3],
  ['1.2e-3', '12', -3],
])('finds the significant digits of %s', (text, digits, exponent) => {
  expect(significant(text)).toMatchObject(digits === '' ? { digits } : { digits, exponent })
})

describe('multiply and divide', () => {
  test.each([
    ['12345', '100', '123.45'],
    ['1', '8', '0.125'],
    ['1', '4096', '0.000244140625'],
    ['6', '3', '2'],
    ['-6', '-1.5', '4'],
    ['0', '7', '0'],
    ['1e3', '1e-3', '1000000'],
    ['1', '3', undefined],
    ['1', '0', undefined],
    ['1', '-0.0', undefined],
  ])('divides %s by %s: %s', (left, right, expected) => {
    const quotient = divide(left, right)
    if (expected === undefined) expect(quotient).toBeUndefined()
    else expect(compareNumbers(quotient as string, expected)).toBe(0)
  })

  test('undo each other exactly', () => {
    const number = fc
      .tuple(fc.bigInt(), fc.nat(20))
      .map(([digits, scale]) => canonicalNumeric(`${digits}e-${scale}`))
    fc.assert(
      fc.property(number, number, (a, b) => {
        if (compareNumbers(b, '0') === 0) return
        expect(compareNumbers(divide(multiply(a, b), b) as string, a)).toBe(0)
      }),
    )
  })

  test('refuse what numeric cannot hold', () => {
    expect(or(() => multiply('1e131000', '1e131000'))).toBe('NUMERIC_OVERFLOW')
    expect(or(() => multiply('1e999999999', '2'))).toBe('NUMERIC_OVERFLOW')
  })
})
