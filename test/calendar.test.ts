import fc from 'fast-check'
import { expect, test } from 'vitest'
import { civil, dateText, daysOf, instantText, parseDate } from '../src/calendar.ts'

test('agrees with Date, where Date is right', () => {
  fc.assert(
    fc.property(
      fc.date({
        min: new Date('-200000-01-01T00:00:00Z'),
        max: new Date('+200000-01-01T00:00:00Z'),
        noInvalidDate: true,
      }),
      (date) => {
        const text = date.toISOString()
        expect(instantText(BigInt(date.getTime()) * 1000n)).toBe(text)
        expect(parseDate(text.slice(0, text.indexOf('T')))).toBe(Math.floor(date.getTime() / 86_400_000))
      },
    ),
    { numRuns: 2000 },
  )
})

test('counts days there and back, to the end of Postgres’s dates', () => {
  fc.assert(
    fc.property(fc.integer({ min: -2_440_588, max: 2_145_042_905 }), (days) => {
      const { year, month, day } = civil(days)
      expect(daysOf(year, month, day)).toBe(days)
    }),
    { numRuns: 2000 },
  )
})

test.each([
  '2026-02-29',
  '2100-02-29',
  '2026-13-01',
  '2026-00-10',
  '2026-01-00',
  '2026-04-31',
  '2026-1-8',
  '-000000-01-01',
  '02026-01-01',
  'today',
  '',
])('knows no day %j', (text) => {
  expect(parseDate(text)).toBeUndefined()
})

test.each([
  [0n, '1970-01-01T00:00:00.000Z'],
  [-1n, '1969-12-31T23:59:59.999999Z'],
  [1n, '1970-01-01T00:00:00.000001Z'],
  [253402300800000000n, '+010000-01-01T00:00:00.000Z'],
])('writes %s microseconds as %s', (micros, text) => {
  expect(instantText(micros)).toBe(text)
})

test('writes days with as many digits as the year needs', () => {
  expect([dateText(0), dateText(2_932_897), dateText(-719_529)]).toEqual([
    '1970-01-01',
    '+010000-01-01',
    '-000001-12-31',
  ])
})
