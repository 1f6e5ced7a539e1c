import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { EXIT } from '../../src/errors.ts'
import type { Kvmig } from '../../src/runtime/kvmig.ts'
import { type ReplitServer, startReplit } from '../setup/replit-server.ts'
import { startUpstash, type UpstashServer } from '../setup/upstash-server.ts'
import { startWorld, USERS, user, type World } from './world.ts'

/** Users with gates that a test can pass: nobody's soak is over in a second. */
const PLAN = `${USERS}gates:
  B: [{ full: { drift: 50% }, because: the test writes }]
`
const B = ['apply', '--phase=B', '--expect', '1']

let stop: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const it of stop.reverse()) await it()
  stop = []
})

interface Store {
  readonly world: World
  readonly variables: Readonly<Record<string, string>>
  read(key: string): Promise<unknown>
  write(key: string, value: string | undefined): Promise<void>
  /** Commands that the store was asked for, as its provider counts them. */
  billed(): number
}

async function upstash(): Promise<Store> {
  const world = await startWorld({ count: 20, files: { 'plans/users.yaml': PLAN } })
  const server: UpstashServer = await startUpstash(world.redis.port)
  stop.push(
    () => world.stop(),
    () => server.stop(),
  )
  return {
    world,
    variables: {
      KV_URL: server.url,
      UPSTASH_REDIS_REST_URL: server.url,
      UPSTASH_REDIS_REST_TOKEN: server.token,
    },
    billed: () => server.billed,
    read: async (key) => JSON.parse((await world.redis.client.get(key)) ?? 'null'),
    write: async (key, value) => {
      await (value === undefined ? world.redis.client.del(key) : world.redis.client.set(key, value))
    },
  }
}

async function replit(): Promise<Store> {
  const world = await startWorld({ count: 0, files: { 'plans/users.yaml': PLAN } })
  const server: ReplitServer = await startReplit()
  for (let n = 0; n < 20; n++) server.data.set(`user:${n}`, Buffer.from(user(`name ${n}`)))
  stop.push(
    () => world.stop(),
    () => server.stop(),
  )
  return {
    world,
    variables: { KV_URL: 'replit:', REPLIT_DB_URL: server.url },
    billed: () => server.requests,
    read: async (key) => JSON.parse(server.data.get(key)?.toString() ?? 'null'),
    write: async (key, value) => {
      if (value === undefined) server.data.delete(key)
      else server.data.set(key, Buffer.from(value))
    },
  }
}

test.each([
  ['an Upstash', upstash],
  ['a Replit database', replit],
])('%s goes from A to B, is repaired, and goes back', { timeout: 120_000 }, async (_, open) => {
  const { world, variables, read, write, billed } = await open()
  const run = (...args: string[]) => world.run(args, variables)
  expect((await run('apply', '--phase=A')).stdout).toContain('users')
  const app: Kvmig = await world.instance('web-1', {
    variables: { ...world.environment, ...variables },
    shadow: 1,
  })
  const counted = async () =>
    Number((await world.database.query('SELECT coalesce(sum(commands), 0) AS n FROM kvmig.spent')).rows[0].n)
  const users = app.store('users')
  await users.put({ id: '0', name: 'in A', visits: 1 })
  await write('user:1', undefined)
  const b = await run(...B)
  expect([b.code, b.stdout + b.stderr]).toEqual([0, expect.stringContaining('users')])

  await users.put({ id: '2', name: 'in B', visits: 2 })
  await users.delete({ id: '3' })
  expect(await read('user:2')).toEqual({ name: 'in B', visits: 2 })
  expect(await read('user:3')).toBeNull()
  for (let n = 10; n < 20; n++)
    expect(await users.get({ id: String(n) })).toMatchObject({ name: `name ${n}` })
  // The store loses something, and somebody writes behind the protocol's back.
  await write('user:4', undefined)
  await write('user:5', user('foreign'))
  const repaired = await run('reconcile')
  expect(repaired.stdout).toMatch(/2 records repaired in the source/)
  expect(await read('user:4')).toMatchObject({ name: 'name 4' })
  expect(await read('user:5')).toMatchObject({ name: 'name 5' })

  // Copies, catch-up, comparing reads, repairs, live writes: all of it is in the ledger, no less than a bill would say.
  await app.close()
  expect(await counted()).toBeGreaterThanOrEqual(billed())
  // A month that is used up stops the next repair before its first command.
  const project = join(world.path, 'migrations.yaml')
  const unlimited = readFileSync(project, 'utf8')
  writeFileSync(project, `${unlimited}budget: { per_month: 10 }\n`)
  const before = billed()
  const stopped = await run('reconcile')
  expect([stopped.code, stopped.stdout + stopped.stderr]).toEqual([
    EXIT.notYet,
    expect.stringContaining('The budget of 10 source commands a month is used up'),
  ])
  expect(billed()).toBe(before)
  writeFileSync(project, unlimited)

  const back = await run('rollback', '--yes')
  expect([back.code, back.stderr]).toEqual([0, expect.anything()])
  const after = (
    await world.instance('web-2', { variables: { ...world.environment, ...variables }, shadow: 0 })
  ).store('users')
  await expect
    .poll(async () => {
      await after.put({ id: '6', name: 'in A again', visits: 0 })
      return (await world.users()).target['6']
    })
    .toMatchObject({ name: 'name 6' })
  expect(await read('user:6')).toMatchObject({ name: 'in A again' })
})
