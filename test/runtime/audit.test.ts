import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { apply } from '../../src/index.ts'
import { outboxDepth } from '../../src/state/outbox.ts'
import { startProxy } from '../setup/proxy.ts'
import { startWorld } from './world.ts'

// The credits of the second seed: a balance, and a trail of every change of it.
const world = await startWorld('postgres', {
  credits: `
version: 1
plan: credits
mappings:
  - { match: 'credits:{user}', type: hash, into: credits, fields: { user_id: $user, balance: balance | int, plan: plan } }
tables:
  credits:
    columns: { user_id: text, balance: bigint not null, plan: text }
    primary_key: [user_id]
    audit: true
writes: { failure: available }
`,
})
await world.redis.client.hset('credits:old', { balance: '5' })
await world.applyA()
const sql = await startProxy(Number(new URL(world.variables.DATABASE_URL).port))
const kv = await startProxy(world.redis.port)
afterAll(() => Promise.all([sql.close(), kv.close()]))
const through = (address: string, port: number) =>
  Object.assign(new URL(address), { port: String(port) }).href

let who = 'nobody'
const kvmig = await world.connect(
  {
    shadow: 0,
    timeoutMillis: 1500,
    who: () => who,
    variables: {
      DATABASE_URL: through(world.variables.DATABASE_URL, sql.port),
      KV_URL: through(world.redis.url, kv.port),
    },
  },
  { pollMillis: 200, ownMillis: 0, drainMillis: 50 },
)
const credits = kvmig.store('credits')
const redis = kvmig.wrap(world.redis.client)
const trail = async (user: string) =>
  (
    await world.rows(
      `SELECT who, change, array_to_string(columns, ',') AS columns, before->>'balance' AS before, after->>'balance' AS after
        FROM credits_history WHERE key = '{"user_id": "${user}"}' ORDER BY id`,
    )
  ).map((it) =>
    Object.values(it)
      .map((cell) => cell ?? '-')
      .join(' '),
  )

beforeEach(async () => {
  kv.refuse(false)
  await world.flip('credits', 'B')
  await expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])
})

test('what is copied is no change', async () => {
  expect(await trail('old')).toEqual([])
})

describe('every change has one line', () => {
  test.each(['B', 'C', 'D'] as const)('in %s: who, what, which columns, before and after', async (phase) => {
    await world.flip('credits', phase)
    const user_id = `in ${phase}`
    who = 'ann'
    await expect
      .poll(async () => {
        await credits.put({ user_id, balance: 10 })
        return trail(user_id)
      })
      .toEqual(['ann insert balance,plan,user_id - 10'])
    who = 'bo'
    await credits.put({ user_id, balance: 12, plan: 'gold' })
    await redis.hincrby(`credits:${user_id}`, 'balance', -2)
    await credits.delete({ user_id })
    expect(await trail(user_id)).toEqual([
      'ann insert balance,plan,user_id - 10',
      'bo update balance,plan 10 12',
      'bo update balance 12 10',
      'bo delete balance,plan,user_id 10 -',
    ])
  })

  test('after a rollback as before', async () => {
    await world.flip('credits', 'C')
    await world.flip('credits', 'B')
    who = 'ann'
    await credits.put({ user_id: 'back', balance: 1 })
    await credits.put({ user_id: 'back', balance: 2 })
    expect(await trail('back')).toEqual(['ann insert balance,plan,user_id - 1', 'ann update balance 1 2'])
  })
})

describe('and no more than one', () => {
  test('when the same is written again', async () => {
    who = 'ann'
    await credits.put({ user_id: 'again', balance: 1 })
    await credits.put({ user_id: 'again', balance: 1 })
    expect(await trail('again')).toHaveLength(1)
  })

  test('when the answer to COMMIT was lost', async () => {
    let cuts = 0
    let writing: number | undefined
    await credits.put({ user_id: 'lost', balance: 1 })
    sql.onRequest((bytes, connection) => {
      if (bytes.includes('kvmig.advance')) writing = connection
      else if (connection === writing && cuts === 0 && bytes.includes('COMMIT')) {
        cuts += 1
        sql.cutAfter(0)
      }
    })
    await credits.put({ user_id: 'lost', balance: 2 })
    sql.onRequest(undefined)
    expect(cuts).toBe(1)
    expect(await trail('lost')).toHaveLength(2)
  })

  test('when the outbox carries it to the source later', async () => {
    await credits.put({ user_id: 'carried', balance: 1 })
    kv.refuse(true)
    kv.cutAfter(0)
    await credits.put({ user_id: 'carried', balance: 2 })
    kv.refuse(false)
    await expect.poll(() => world.redis.client.hget('credits:carried', 'balance')).toBe('2')
    expect(await trail('carried')).toHaveLength(2)
  })

  test('when the write was refused', async () => {
    await expect(credits.put({ user_id: 'refused', balance: 'x' } as never)).rejects.toMatchObject({
      code: 'REJECTED',
    })
    expect(await trail('refused')).toEqual([])
  })
})

test('what a pass of kvmig repairs in the table is a change, too, by its role', async () => {
  await world.flip('credits', 'A')
  await world.redis.client.hset('credits:old', { balance: '6' })
  const { outcome } = await apply(world.project, { variables: world.variables, again: true })
  expect(outcome).toBe('done')
  const [role] = await world.rows('SELECT session_user AS name')
  expect(await trail('old')).toEqual([`${role!.name} update balance 5 6`])
})

test('nobody who may write the table may write its history', async () => {
  const role = `app_${process.pid}`
  await world.rows(`CREATE ROLE ${role}`)
  await world.rows(`GRANT SELECT, INSERT, UPDATE, DELETE ON credits TO ${role}`)
  const as = (statement: string) =>
    world.target.transaction(
      async (tx) => {
        await tx.query(`SET LOCAL ROLE ${role}`)
        return tx.query(statement)
      },
      { searchPath: ['public'] },
    )
  await as(`INSERT INTO credits VALUES ('by hand', 1)`)
  expect(await trail('by hand')).toHaveLength(1)
  for (const it of ['DELETE FROM credits_history', `UPDATE credits_history SET who = 'x'`])
    await expect(as(it)).rejects.toMatchObject({ code: 'PERMISSION' })
  await world.rows(`DROP OWNED BY ${role}`)
  await world.rows(`DROP ROLE ${role}`)
})
