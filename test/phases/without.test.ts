import { afterAll, beforeEach, expect, test } from 'vitest'
import type { Phase } from '../../src/plan/plan.ts'
import { PROTOCOL } from '../../src/runtime/protocol.ts'
import type { Probe } from '../../src/runtime/walk.ts'
import { outboxDepth } from '../../src/state/outbox.ts'
import { openTarget } from '../../src/target/connect.ts'
import { ABLATIONS } from '../model/scenarios.ts'
import { History } from '../runtime/history.ts'
import { flip } from '../runtime/world.ts'
import { startWorld, user } from './world.ts'

// What the model finds in all interleavings of one record is made to happen here, to the real program between real stores: for each element of
// the protocol one interleaving that goes well with it and loses something without it.

const world = await startWorld({ count: 1 })
expect((await world.run(['apply', '--phase=A'])).code).toBe(0)
const plain = await world.instance('plain', { shadow: 0 }, { pollMillis: 50, drainMillis: 20, ownMillis: 0 })
expect((await world.run(['apply', '--phase=B', '--expect', '1'])).code).toBe(0)
const target = await openTarget(world.database.url)
const users = plain.store('users')
const { client } = world.redis
afterAll(async () => {
  await target.close()
  await world.stop()
})

/** What is taken away: by another table of steps, or, where stores keep it and not the program, in these. */
type Element = keyof typeof ABLATIONS
let isWhole: boolean
let number = 0
let id: string
let history: History

const go = async (phase: Phase, rollout = false): Promise<void> => {
  await flip(target, 'users', phase, rollout)
  await expect.poll(confirmed).toBe(true)
}
const confirmed = async (): Promise<boolean> => {
  const { rows } = await world.database.query(
    `SELECT (i.epochs ->> 'users')::bigint = r.epoch AS known FROM kvmig.instance i, kvmig.route r WHERE i.id = 'plain' AND r.plan = 'users'`,
  )
  return rows[0].known
}

beforeEach(async () => {
  id = `x${++number}`
  history = new History()
  await go('B')
})

/** An instance that has the protocol with or without the element, and stops, dies or gives way at a point of it, once. */
async function actor(element: Element, at?: Parameters<Probe>[0], then?: () => unknown) {
  let passed = false
  const made = await world.instance(
    `${element} ${id}`,
    { shadow: 0, readThrough: ['users'] },
    {
      protocol: isWhole ? PROTOCOL : ABLATIONS[element],
      pollMillis: 60_000,
      staleMillis: 60_000,
      drainMillis: 0,
      probe: async (point) => {
        if (passed || point !== at) return
        passed = true
        await then?.()
      },
    },
  )
  return made.store('users')
}

type Store = typeof users

async function write(store: Store, name: string | null): Promise<void> {
  const written = history.begin(id, name)
  await (name === null ? store.delete({ id }) : store.put({ id, name, visits: 0 }))
  history.done(written)
}

/** A write from before there was a runtime. */
async function old(name: string): Promise<void> {
  const written = history.begin(id, name)
  await client.set(`user:${id}`, user(name))
  history.done(written)
}

/** What is wrong at the end, when nothing is on its way any more. */
async function judged(): Promise<readonly string[]> {
  await expect.poll(() => target.transaction(outboxDepth)).toEqual([])
  const text = await client.get(`user:${id}`)
  const inSource = text === null ? null : JSON.parse(text).name
  const { rows } = await world.database.query('SELECT name FROM users WHERE id = $1', [id])
  const inTarget = rows[0]?.name ?? null
  return [
    ...(inSource === inTarget ? [] : ['the stores differ']),
    ...history.violations(new Map([[id, inSource]])),
    ...history.violations(new Map([[id, inTarget]])),
  ]
}

const CASES: readonly [Element, what: string, play: () => Promise<readonly string[]>][] = [
  [
    'version',
    'a write that reaches the source late overwrites a newer one',
    async () => {
      const late = await actor('version', 'before.carry', () => write(users, 'newer'))
      await write(late, 'older')
      return judged()
    },
  ],
  [
    'claim',
    'a copy overwrites what was written since it read',
    async () => {
      await old('first')
      const copier = await actor('claim', 'before.copy', () => write(users, 'second'))
      await copier.get({ id })
      return judged()
    },
  ],
  [
    'claim',
    'a copy brings back what was deleted since it read',
    async () => {
      await old('first')
      const copier = await actor('claim', 'before.copy', () => write(users, null))
      await copier.get({ id })
      return judged()
    },
  ],
  [
    'tombstone',
    'a delete that the source has lost again stays lost',
    async () => {
      const app = await actor('tombstone')
      await write(app, 'first')
      const before = await snapshot()
      await write(app, null)
      await expect.poll(() => target.transaction(outboxDepth)).toEqual([])
      // A replica takes over that has not heard of the delete.
      await restore(before)
      expect((await world.run(['reconcile'])).code).toBe(isWhole ? 0 : 3)
      return judged()
    },
  ],
  [
    'tombstone',
    'a copy brings back what is deleted, where nothing is remembered of it',
    async () => {
      await old('first')
      // With the row goes all that the ledger knows of the record.
      const forget = () =>
        world.database.query('DELETE FROM kvmig.touch WHERE key = $1', [Buffer.from(`user:${id}`)])
      const deleter = await actor('tombstone', 'after.record', () => isWhole || forget())
      const probe: Probe = (point) => (point === 'before.copy' ? write(deleter, null) : undefined)
      const copier = await world.instance(`copier ${id}`, { shadow: 0, readThrough: ['users'] }, { probe })
      await copier.store('users').get({ id })
      return judged()
    },
  ],
  [
    'outbox',
    'what a process had written when it died never gets to the source',
    async () => {
      const dying = await actor('outbox', 'after.record', () => {
        throw new Error('killed')
      })
      await expect(write(dying, 'kept')).rejects.toThrow('killed')
      return judged()
    },
  ],
  [
    'epoch',
    'who slept through the end of A writes the source alone',
    async () => {
      await go('A')
      const sleeper = await actor('epoch', 'before.set', async () => {
        await go('B', true)
        await write(users, 'awake')
        await go('B')
        // The source forgets what it was told.
        if (!isWhole) await client.del('kvmig:epoch')
      })
      await write(sleeper, 'slept')
      return judged()
    },
  ],
  [
    'epoch',
    'who slept through the retirement writes the source',
    async () => {
      await go('C')
      const fence = await definition()
      const sleeper = await actor('epoch', 'before.record', async () => {
        await go('D')
        // Postgres lets everybody pass.
        if (!isWhole) await world.database.query(fence.replace(/RETURN EXISTS .*;/, 'RETURN true;'))
      })
      await write(sleeper, 'slept')
      await world.database.query(fence)
      return (await client.exists(`user:${id}`)) ? ['the source was written after its end'] : []
    },
  ],
]

test.each(CASES)('without the %s %s; with it all is well', async (_, __, play) => {
  isWhole = true
  expect(await play()).toEqual([])
  isWhole = false
  id = `x${++number}`
  history = new History()
  await go('B')
  expect(await play()).not.toEqual([])
  await users.delete({ id })
})

const kept = (): readonly string[] => [`user:${id}`, `kvmig:v:{user:${id}}`]
const snapshot = () => Promise.all(kept().map((it) => client.dumpBuffer(it)))
async function restore(dumps: readonly (Buffer | null)[]): Promise<void> {
  for (const [at, key] of kept().entries()) await client.restore(key, 0, dumps[at]!, 'REPLACE')
}

async function definition(): Promise<string> {
  const { rows } = await world.database.query(
    `SELECT pg_get_functiondef('kvmig.fence(text, bigint)'::regprocedure) AS sql`,
  )
  return rows[0].sql
}
