import { describe, expect, test } from 'vitest'
import { PROTOCOL } from '../../src/runtime/protocol.ts'
import { explore } from './explore.ts'
import { ABLATIONS, backToA, retirement, rollout, steady } from './scenarios.ts'

const PAIRS = [
  { w1: 'set', w2: 'set' },
  { w1: 'set', w2: 'delete' },
  { w1: 'delete', w2: 'delete' },
] as const

describe('the protocol, in every interleaving', () => {
  test.each(PAIRS)('keeps both sides together in B and over a cutover: %o', (pair) => {
    expect(explore(steady(PROTOCOL, pair))).toMatchObject({ violations: 0, example: undefined })
  })

  test.each(['set', 'delete'] as const)(
    'loses nothing from A to the end of the rollout, beside an old writer (%s)',
    (old) => {
      for (const writers of [{ w1: 'set' }, { w1: 'delete' }] as const)
        expect(explore(rollout(PROTOCOL, writers, old))).toMatchObject({ violations: 0, example: undefined })
    },
  )

  test('loses nothing of two instances that slept through the rollout', () => {
    expect(explore(rollout(PROTOCOL, PAIRS[0], undefined))).toMatchObject({
      violations: 0,
      example: undefined,
    })
  })

  test('keeps what was written when it goes back to A, if what waits is carried over within the flip', () => {
    expect(explore(backToA(PAIRS[0], { drained: true }))).toMatchObject({ violations: 0, example: undefined })
  })

  test('keeps what is written while the source is retired', () => {
    expect(explore(retirement(PROTOCOL, PAIRS[1]))).toMatchObject({ violations: 0, example: undefined })
  })
})

describe('a source that cannot compare, written under the lock of the record', () => {
  test.each(PAIRS)('stays together with the target: %o', (pair) => {
    expect(explore(steady(PROTOCOL, pair, 'in time'))).toMatchObject({ violations: 0, example: undefined })
  })

  test.each(['set', 'delete'] as const)('loses nothing of a rollout beside an old writer (%s)', (old) => {
    const scenario = rollout(PROTOCOL, { w1: 'set' }, old, { underLock: 'in time' })
    expect(explore(scenario)).toMatchObject({ violations: 0, example: undefined })
  })

  test('loses nothing of two instances that slept through the rollout', () => {
    const scenario = rollout(PROTOCOL, PAIRS[0], undefined, { underLock: 'in time' })
    expect(explore(scenario)).toMatchObject({ violations: 0, example: undefined })
  })

  test('needs requests that were given up not to arrive later: that is what comparing in the source is for', () => {
    expect(explore(steady(PROTOCOL, PAIRS[0], 'late'), { first: true }).example).toMatch(/arrives late/)
  })

  test.each(['outbox', 'claim', 'tombstone'] as const)('needs the %s all the same', (element) => {
    const found = PAIRS.some(
      (it) => explore(steady(ABLATIONS[element], it, 'in time'), { first: true }).example,
    )
    expect(found).toBe(true)
  })
})

describe('each element is needed: taken out, the exploration finds', () => {
  test.each(['claim', 'tombstone', 'version', 'outbox'] as const)(
    'what goes wrong without the %s',
    (element) => {
      const found = PAIRS.some((it) => explore(steady(ABLATIONS[element], it), { first: true }).example)
      expect(found).toBe(true)
    },
  )

  test('what goes wrong without the epoch', () => {
    const found = explore(rollout(ABLATIONS.epoch, { w1: 'set' }, undefined))
    expect(found.example).toMatch(/w1/)
  })

  test('what goes wrong when it goes back to A and what waits is left waiting', () => {
    expect(explore(backToA(PAIRS[0], { drained: false }), { first: true }).example).toBeDefined()
  })

  test('what goes wrong without the catch-up at the end of the rollout (H01)', () => {
    expect(explore(rollout(PROTOCOL, { w1: 'set' }, 'set', { caughtUp: false })).violations).toBeGreaterThan(
      0,
    )
  })
})
