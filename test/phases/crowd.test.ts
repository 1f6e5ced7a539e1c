import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Kvmig } from '../../src/runtime/kvmig.ts'
import { startWorld, USERS, user, type World } from './world.ts'

let world: World
const INSTANCES = 3
/** The crowd writes to so many of the keys that there are, so that a copy stays true of most. */
const KEYS = 40
const ALL_KEYS = 120

beforeAll(async () => {
  world = await startWorld({
    count: ALL_KEYS,
    files: {
      'plans/users.yaml': `${USERS}gates: { B: [{ full: { drift: 60% }, because: a crowd rewrites a third of them all the time }] }\n`,
    },
  })
  expect((await world.run(['apply', '--phase=A'])).code).toBe(0)
})
afterAll(() => world?.stop())

/** Each instance has keys of its own, so that the last write of each that was acknowledged is known. Deletes now and then. */
class Crowd {
  readonly last = new Map<string, number | undefined>()
  failures = 0
  writes = 0
  #running = true
  readonly #done: Promise<void>[]

  constructor(instances: readonly Kvmig[]) {
    this.#done = instances.map((it, index) => this.#write(it, index))
  }

  async stop(): Promise<void> {
    this.#running = false
    await Promise.all(this.#done)
  }

  async #write(app: Kvmig, instance: number): Promise<void> {
    const users = app.store('users')
    for (let n = 1; this.#running; n++) {
      const id = String((n * INSTANCES + instance) % KEYS)
      if (Number(id) % INSTANCES !== instance) continue
      try {
        if (n % 7 === 0) await users.delete({ id })
        else await users.put({ id, name: `by ${instance}`, visits: n })
        this.last.set(id, n % 7 === 0 ? undefined : n)
        this.writes += 1
      } catch {
        // Not acknowledged: it may be there or not, and the next write of the key decides.
        this.failures += 1
        this.last.delete(id)
        await users.put({ id, name: `by ${instance}`, visits: n }).then(
          () => this.last.set(id, n),
          () => {},
        )
      }
    }
  }
}

test('a crowd writes through A, B, C, back and forth again: both stores end alike, with every acknowledged write', async () => {
  const instances = await Promise.all(
    Array.from({ length: INSTANCES }, (_, n) => world.instance(`web-${n}`, { shadow: 0.2 })),
  )
  const crowd = new Crowd(instances)
  const run = async (...args: string[]) => {
    const ended = await world.run(args)
    expect(`${args.join(' ')}: ${ended.code} ${ended.stderr} ${ended.stdout}`).toMatch(/: 0 /)
  }
  // Written past the runtime, before it is everywhere.
  await world.redis.client.set('user:old', user('old writer'))
  await run('apply', '--phase=B', `--expect=${INSTANCES}`, '--confirm-deletes=100')
  await run('reconcile')
  await run('apply', '--phase=C')
  await run('rollback', '--to=A')
  await run('apply', '--phase=B', `--expect=${INSTANCES}`, '--confirm-deletes=100')
  await run('reconcile')
  // To C and back to B.
  await run('drill', '--yes')
  await run('diff')
  await crowd.stop()
  await run('reconcile')

  expect(crowd.writes).toBeGreaterThan(100)
  const { source, target } = await world.users()
  expect(target).toEqual(source)
  expect(target.old).toMatchObject({ name: 'old writer' })
  const wrong = [...crowd.last].filter(
    ([id, visits]) => (target[id] as { visits: number } | undefined)?.visits !== visits,
  )
  expect(wrong).toEqual([])
})
