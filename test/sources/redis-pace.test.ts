import { expect, test } from 'vitest'
import { Pace } from '../../src/sources/redis/pace.ts'
import { mostAtRate, PageSize } from '../../src/sources/redis/page-size.ts'
import { string } from './entries.ts'

/** Time that passes only while somebody sleeps. */
class TestClock {
  millis = 0
  slept: number[] = []
  now = (): number => this.millis
  sleep = async (millis: number): Promise<void> => {
    this.slept.push(millis)
    this.millis += millis
  }
}

const { signal } = new AbortController()

test('never more commands than the pace and one batch, over any span of time', async () => {
  const clock = new TestClock()
  const pace = new Pace(500, clock)
  const sent: { at: number; commands: number }[] = []
  for (let turn = 0; turn < 200; turn++) {
    const commands = [1, 3, 500, 1002][turn % 4]!
    await pace.take(commands, signal)
    sent.push({ at: clock.millis, commands })
    clock.millis += turn % 7
  }
  for (let from = 0; from < sent.length; from++) {
    let total = 0
    for (const { at, commands } of sent.slice(from)) {
      // The batch that is let through is paid off before the next.
      expect(total).toBeLessThanOrEqual(((at - sent[from]!.at) / 1000) * 500 + 1e-6)
      total += commands
    }
  }
})

test('time that was not used is not saved up', async () => {
  const clock = new TestClock()
  const pace = new Pace(10, clock)
  clock.millis = 60_000
  await pace.take(10, signal)
  expect(clock.slept).toEqual([])
  await pace.take(10, signal)
  expect(clock.slept).toEqual([1000])
})

test('waiting ends with the reason of the signal', async () => {
  const stop = new AbortController()
  const pace = new Pace(1)
  await pace.take(1000, stop.signal)
  const waiting = pace.take(1, stop.signal)
  stop.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
})

test('somebody else uses the store, so pages are small', () => {
  const size = new PageSize(undefined, { gentle: true })
  for (let turn = 0; turn < 10; turn++) size.learn([string('k', 'v')])
  expect(size.count).toBe(200)
})

test.each([
  ['small values are read by the thousand', 10, undefined, 1000],
  ['values of 1 MB are read a few at a time', 1_000_000, undefined, 4],
  ['values of 100 MB are read one by one', 100_000_000, undefined, 1],
  ['a store may have a limit of its own', 10, 50, 50],
  ['a pace means pages of a tenth of a second', 10, mostAtRate(500), 50],
  ['a slow one means small pages', 10, mostAtRate(1), 10],
])('%s', (_, bytes, most, expected) => {
  const size = new PageSize(most)
  expect(size.count).toBeLessThanOrEqual(20)
  const entries = [string('k', Buffer.alloc(bytes))]
  for (let turn = 0; turn < 10; turn++) size.learn(entries)
  expect(size.count).toBe(expected)
})
