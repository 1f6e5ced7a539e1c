import { describe, expect, test } from 'vitest'
import { type Observation, type Patience, sustained } from '../../src/checks/sustained.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const TEN: Patience = { forMillis: 10 * MINUTE, missing: 'hold', gapMillis: 2 * MINUTE }

/** One observation every 15 seconds, from 0 to the end of the last stretch: `['fail', '10:00']` fails until ten minutes. */
type Stretch = readonly [Observation['status'] | 'nothing', string]

function series(...stretches: readonly Stretch[]): {
  readonly observations: readonly Observation[]
  readonly now: number
} {
  const observations: Observation[] = []
  let from = 0
  let now = 0
  for (const [status, until] of stretches) {
    now = millis(until)
    for (let at = from; at <= now; at += 15 * SECOND)
      if (status !== 'nothing') observations.push({ at, status })
    if (status !== 'nothing' && observations.at(-1)!.at !== now) observations.push({ at: now, status })
    from = now + SECOND
  }
  return { observations, now }
}

function millis(text: string): number {
  const [minutes, seconds] = text.split(':').map(Number) as [number, number]
  return minutes * MINUTE + seconds * SECOND
}

const judge = (patience: Patience, ...stretches: readonly Stretch[]) => {
  const { observations, now } = series(...stretches)
  return sustained(observations, patience, now).state
}

describe('a trigger that has to fail for ten minutes', () => {
  test.each([
    ['9:59', 'failing'],
    ['10:00', 'fired'],
    ['10:01', 'fired'],
  ] as const)('that fails for %s is %s', (until, state) => {
    expect(judge(TEN, ['fail', until])).toBe(state)
  })

  test.each([
    ['passes all the time', [['pass', '30:00']], 'quiet'],
    ['has never been measured', [], 'quiet'],
    [
      'passes once in the middle',
      [
        ['fail', '9:00'],
        ['pass', '9:10'],
        ['fail', '15:00'],
      ],
      'failing',
    ],
    [
      'passes once, and then fails long enough',
      [
        ['fail', '9:00'],
        ['pass', '9:10'],
        ['fail', '19:12'],
      ],
      'fired',
    ],
    [
      'comes and goes',
      [
        ['fail', '4:00'],
        ['pass', '4:30'],
        ['fail', '9:00'],
        ['pass', '9:30'],
        ['fail', '13:00'],
      ],
      'failing',
    ],
    [
      'recovered at the end',
      [
        ['fail', '12:00'],
        ['pass', '12:10'],
      ],
      'quiet',
    ],
    [
      'has a hole in which nothing could be measured',
      [
        ['fail', '5:00'],
        ['missing', '8:00'],
        ['fail', '12:00'],
      ],
      'failing',
    ],
    [
      'fails for ten minutes beside the hole',
      [
        ['fail', '5:00'],
        ['missing', '8:00'],
        ['fail', '13:30'],
      ],
      'fired',
    ],
    [
      'is not looked at for a while: that time does not count',
      [
        ['fail', '5:00'],
        ['nothing', '20:00'],
        ['fail', '21:00'],
      ],
      'failing',
    ],
    ['is a cold start: too little to judge by', [['missing', '9:00']], 'quiet'],
    [
      'has nothing to judge by for longer than it is patient',
      [
        ['pass', '1:00'],
        ['missing', '12:00'],
      ],
      'blind',
    ],
    [
      'was failing when the data stopped',
      [
        ['fail', '5:00'],
        ['missing', '16:00'],
      ],
      'blind',
    ],
    ['never had anything to judge by', [['missing', '11:00']], 'blind'],
  ] as const)('that %s', (_, stretches, state) => {
    expect(judge(TEN, ...stretches)).toBe(state)
  })
})

describe('what a hole in the data means', () => {
  const hole = [
    ['fail', '1:00'],
    ['missing', '11:00'],
  ] as const
  test.each([
    ['hold', 'failing'],
    ['fail', 'fired'],
    ['pass', 'quiet'],
  ] as const)('missing: %s', (missing, state) => {
    expect(judge({ ...TEN, missing }, ...hole)).toBe(state)
  })

  test('one observation is enough for a trigger without patience', () => {
    expect(judge({ forMillis: 0, missing: 'hold', gapMillis: 2 * MINUTE }, ['fail', '0:00'])).toBe('fired')
  })

  test('an old failure that nobody has confirmed since fires nothing', () => {
    expect(sustained([{ at: 0, status: 'fail' }], { ...TEN, forMillis: 0 }, 60 * MINUTE).state).toBe('blind')
  })
})

test('tells since when, and for how long', () => {
  const { observations, now } = series(['pass', '2:00'], ['fail', '12:30'])
  expect(sustained(observations, TEN, now)).toEqual({
    state: 'fired',
    since: millis('2:01'),
    failingMillis: millis('12:30') - millis('2:01'),
  })
})
