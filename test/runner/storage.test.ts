import { describe, expect, test } from 'vitest'
import { forecastStorage, tariffOf } from '../../src/runner/storage.ts'
import type { RunRecord } from '../../src/state/ledger.ts'
import { readTariffs } from '../../src/target/tariffs.ts'

const DAY = 86_400_000
const NOW = Date.parse('2026-11-21T00:00:00Z')
const MB = 1_000_000

/** A line of the journal: so many days ago the database had so many megabytes when the command ended. */
const ran = (command: string, days: number, megabytes?: number): RunRecord => ({
  id: `${command} ${days}`,
  command,
  phase: undefined,
  plans: [],
  planHash: '',
  who: 'ann',
  host: 'here',
  commit: undefined,
  version: '0',
  startedAt: new Date(NOW - days * DAY - 1000).toISOString(),
  finishedAt: new Date(NOW - days * DAY).toISOString(),
  outcome: 'done',
  summary: megabytes === undefined ? undefined : { storage: megabytes * MB },
})

const forecast = (
  megabytes: number,
  runs: readonly RunRecord[],
  tariff = { storage: 500 * MB, assumed: false },
) => forecastStorage({ size: { bytes: megabytes * MB, at: NOW }, adds: 0, tariff, runs })

describe('growth', () => {
  test.each([
    ['since the copy', 110, [ran('apply', 10, 100)], 1 * MB],
    [
      'since the oldest run after the copy',
      130,
      [ran('sweep', 2, 129), ran('apply', 10, 100), ran('apply', 20, 1)],
      3 * MB,
    ],
    ['by what is gone', 90, [ran('apply', 10, 100)], -1 * MB],
  ])('is known %s', (_, now, runs, growth) => {
    expect(forecast(now, runs)).toMatchObject({ growth })
  })

  test.each([
    ['before anything was applied', []],
    ['on the day of the copy', [ran('apply', 0.9, 100)]],
    ['where the last copy is from before sizes were kept', [ran('apply', 10)]],
    ['where the last look is too old', [ran('apply', 100, 100)]],
  ])('is not known %s', (_, runs) => {
    expect(forecast(110, runs)).not.toHaveProperty('growth')
  })
})

describe('the day on which it is full', () => {
  test('is what is left over the growth', () => {
    // 390 MB left, 1 MB a day.
    expect(forecast(110, [ran('apply', 10, 100)]).full).toBe('2027-12-16')
  })

  test('counts what is still to be copied', () => {
    const size = { bytes: 110 * MB, at: NOW }
    const tariff = { storage: 500 * MB, assumed: false }
    expect(forecastStorage({ size, adds: 380 * MB, tariff, runs: [ran('apply', 10, 100)] })).toMatchObject({
      after: 490 * MB,
      full: '2026-12-01',
    })
  })

  test.each([
    ['nothing grows', 100, 100],
    ['it is more than ten years away', 100.001, 100],
    ['there is no room already', 600, 590],
  ])('is not told where %s', (_, now, before) => {
    expect(forecast(now, [ran('apply', 10, before)])).not.toHaveProperty('full')
  })
})

describe('the tariff', () => {
  const tariffs = readTariffs()
  test('is what the project says', () => {
    expect(tariffOf({ tariff: { storage: 1 } }, 'neon', tariffs)).toEqual({ storage: 1, assumed: false })
  })
  test.each([
    ['neon', 'Neon Free'],
    ['supabase', 'Supabase Free'],
  ])('of %s is assumed to be %s', (provider, title) => {
    expect(tariffOf({}, provider, tariffs)).toMatchObject({ title, storage: 500 * MB, assumed: true })
  })
  test('of a server of one’s own is unknown', () => {
    expect(tariffOf({}, undefined, tariffs)).toBeUndefined()
  })
  test('with a price costs what goes beyond what is included', () => {
    const tariff = { ...tariffs.get('supabase-pro')!, assumed: false }
    const size = { bytes: 10_000 * MB, at: NOW }
    expect(forecastStorage({ size, adds: 0, tariff, runs: [] }).monthly).toBeCloseTo(0.25)
  })
})
