import { describe, expect, test } from 'vitest'
import { isWithin, showLimits, withinLimits } from '../../src/checks/limit.ts'

describe('a share', () => {
  test.each([
    ['above 5 %', { above: '5%' }, 499, 10_000, true],
    ['above 5 %', { above: '5%' }, 500, 10_000, true],
    ['above 5 %', { above: '5%' }, 501, 10_000, false],
    ['below 5 %', { below: '5%' }, 499, 10_000, true],
    ['below 5 %', { below: '5%' }, 500, 10_000, false],
    ['above 5.01 %', { above: '5.01%' }, 501, 10_000, true],
    ['above 5.01 %', { above: '5.01%' }, 502, 10_000, false],
    ['above 0.1 %, exactly', { above: '0.1%' }, 1, 1000, true],
    ['above 0.1 %, by one of a billion', { above: '0.1%' }, 1_000_001, 1_000_000_000, false],
    ['at least 99 %', { at_least: '99%' }, 99, 100, true],
    ['at least 99 %', { at_least: '99%' }, 98, 100, false],
    ['a number is a number', { above: 10 }, 11, 1_000_000, false],
    ['of nothing', { above: '5%' }, 0, 0, true],
    ['between', { at_least: 2, below: 4 }, 3, 10, true],
  ] as const)('%s: %o of %d in %d', (_, limits, count, total, right) => {
    expect(withinLimits(limits, count, total)).toBe(right)
  })
})

test.each([
  [{ above: 10 }, 10, true],
  [{ above: 10 }, 10.001, false],
  [{ below: '1%' }, 0.009, true],
  [{ below: '1%' }, 0.01, false],
] as const)('a number: %o of %d', (limits, value, right) => {
  expect(isWithin(limits, value)).toBe(right)
})

test('says its limits in words', () => {
  expect(showLimits({ below: '1%', at_least: 3 })).toBe('below 1% and at least 3')
})
