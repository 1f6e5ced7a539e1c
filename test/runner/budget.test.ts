import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EXIT } from '../../src/errors.ts'
import { Budget } from '../../src/runner/budget.ts'
import { openLedger } from '../../src/state/postgres-ledger.ts'
import { openTarget } from '../../src/target/connect.ts'
import type { Target } from '../../src/target/target.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'

let database: FreshDatabase
let target: Target
beforeAll(async () => {
  database = await freshDatabase()
  target = await openTarget(database.url)
})
afterAll(async () => {
  await target.close()
  await database.drop()
})
beforeEach(() => database.query('DROP SCHEMA IF EXISTS kvmig CASCADE'))

const counted = async (): Promise<number> => (await openLedger(target).spending.now()).commands

// How many commands, in batches of so many, go through before a batch is refused.
async function sendAll(budget: Budget, batch: number, atMost = Number.POSITIVE_INFINITY): Promise<number> {
  for (let sent = 0; ; sent += batch) {
    if (sent >= atMost) return sent
    try {
      await budget.take(batch)
    } catch (error) {
      expect(error).toMatchObject({ code: 'SOURCE_BUDGET', exitCode: EXIT.notYet })
      return sent
    }
  }
}

describe('with a ledger', () => {
  beforeEach(() => openLedger(target).install())

  test.each([1, 7, 100, 999, 1000, 1001, 2500])(
    'sends no batch of %i that would pass the limit of a month',
    async (batch) => {
      const budget = new Budget({ perMonth: 5000 }, openLedger(target))
      const sent = await sendAll(budget, batch)
      expect(sent).toBe(Math.floor(5000 / batch) * batch)
      await budget.close()
      expect(await counted()).toBe(sent)
    },
  )

  test('is shared by all that run at the same time, and by all that ran before', async () => {
    const budgets = Array.from({ length: 5 }, () => new Budget({ perMonth: 20_000 }, openLedger(target)))
    const before = await sendAll(budgets[0]!, 100, 3000)
    const sent = await Promise.all(budgets.map((it, index) => sendAll(it, 90 + index)))
    const sum = sent.reduce((a, b) => a + b, before)
    expect(sum).toBeLessThanOrEqual(20_000)
    // Each may hold back less than a batch.
    expect(sum).toBeGreaterThan(20_000 - 5 * 1000)
    await Promise.all(budgets.map((it) => it.close()))
    expect(await counted()).toBe(sum)
  })

  test('takes for several sources at once are counted one by one', async () => {
    const budget = new Budget({ commands: 1000 }, openLedger(target))
    const taken = await Promise.allSettled(Array.from({ length: 30 }, () => budget.take(50)))
    expect(taken.filter((it) => it.status === 'fulfilled')).toHaveLength(20)
    await budget.close()
    expect(await counted()).toBe(1000)
  })

  test('what was put down and not sent is given back; without a limit it is only counted', async () => {
    const budget = new Budget({}, openLedger(target))
    await budget.take(3)
    expect(await counted()).toBe(1000)
    await budget.close()
    await budget.close()
    expect(await counted()).toBe(3)
    expect(budget.isLimited).toBe(false)
  })

  test('a role that may only look is held to what is left, and cannot count', async () => {
    const writer = new Budget({ perMonth: 3000 }, openLedger(target))
    await writer.take(1200)
    await writer.close()
    const role = `budget_${database.name}`
    await database.query(
      `CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA kvmig TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA kvmig TO ${role}`,
    )
    const reading = await openTarget(Object.assign(new URL(database.url), { username: role }).href)
    const budget = new Budget({ perMonth: 3000 }, openLedger(reading))
    expect(await sendAll(budget, 100)).toBe(1800)
    await budget.close()
    await reading.close()
    await database.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    expect(await counted()).toBe(1200)
  })
})

test('before there is a ledger it holds the run to its limits, and puts it down once there is one', async () => {
  const budget = new Budget({ perMonth: 5000, commands: 4000 }, openLedger(target))
  await budget.take(2500)
  await openLedger(target).install()
  expect(await sendAll(budget, 500)).toBe(1500)
  await budget.close()
  expect(await counted()).toBe(4000)
})
