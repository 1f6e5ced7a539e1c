import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FAILPOINTS } from '../../src/failpoint.ts'
import { type Ended, kvmig, projectFolder, ran } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { contents, fillShop, SHOP } from './shop.ts'

/** `.ci/long` has more of them, for a long night. */
const RANDOM_KILLS = Number(process.env.KVMIG_TEST_KILLS ?? 200)
const LONG = 3_600_000

let redis: FreshRedis
let project: { path: string; remove(): void }
let expected: Record<string, unknown>

const apply = ['apply', '--phase=A', '--yes', '--batch', '300']
// A lease that is renewed every tenth of a second, so that a kill can hit that too.
const environment = (database: FreshDatabase) => ({
  KV_URL: redis.url,
  DATABASE_URL: database.url,
  KVMIG_LEASE_SECONDS: '0.3',
})

beforeAll(async () => {
  redis = await freshRedis()
  await fillShop(redis.client)
  project = projectFolder(SHOP)
  const database = await freshDatabase()
  const ended = await ran(project.path, apply, environment(database))
  expect(ended.stderr + ended.stdout).toContain('Gate B')
  expect(ended.code).toBe(0)
  expected = await contents(database)
  await database.drop()
})

afterAll(async () => {
  project?.remove()
  await redis?.stop()
})

describe('killed at a named place, and run again', () => {
  const reached = new Set<string>()

  for (const name of FAILPOINTS) {
    test.concurrent(`${name}: the same rows`, async () => {
      const database = await freshDatabase()
      const killed = await ran(project.path, apply, { ...environment(database), KVMIG_FAILPOINT: name })
      if (killed.signal === 'SIGKILL') reached.add(name)
      else expect(killed.code).toBe(0)
      const ended = await ran(project.path, apply, environment(database))
      expect(ended.stderr).not.toContain('kvmig:')
      expect(ended.code).toBe(0)
      expect(await contents(database)).toEqual(expected)
      await database.drop()
    })
  }

  test('every named place was reached', () => {
    expect([...FAILPOINTS].filter((it) => !reached.has(it))).toEqual([])
  })
})

describe(`killed ${RANDOM_KILLS} times at random, and run until it is done`, () => {
  const LANES = 4
  for (let lane = 1; lane <= LANES; lane++) {
    test.concurrent(
      `lane ${lane}: the same rows`,
      async () => {
        let kills = 0
        while (kills < RANDOM_KILLS / LANES) {
          const database = await freshDatabase()
          // After some kills it may come to its end: on a slow machine no run would be quick enough to.
          for (let left = 5; ; left--) {
            const ended =
              left > 0
                ? await killedAtRandom(database)
                : await ran(project.path, apply, environment(database))
            if (ended.signal === 'SIGKILL') {
              kills += 1
              continue
            }
            expect(ended.stderr).not.toContain('kvmig:')
            expect(ended.code).toBe(0)
            break
          }
          expect(await contents(database)).toEqual(expected)
          await database.drop()
        }
      },
      LONG,
    )
  }
})

/** From before it connects to after it is done: every moment has its turn. */
async function killedAtRandom(database: FreshDatabase): Promise<Ended> {
  const run = kvmig(project.path, apply, environment(database))
  const timer = setTimeout(() => run.child.kill('SIGKILL'), 200 + Math.random() * 1500)
  const ended = await run.ended
  clearTimeout(timer)
  return ended
}
