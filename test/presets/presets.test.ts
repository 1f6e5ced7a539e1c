import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Redis as Upstash } from '@upstash/redis'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readPresets } from '../../src/cli/presets.ts'
import { projectFolder } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { runCli } from '../setup/run-cli.ts'
import { startUpstash } from '../setup/upstash-server.ts'
import { load, migrate } from './migrate.ts'

const { default: PostgresAdapter } = await load('@auth/pg-adapter')
const { UpstashRedisAdapter } = await load('@auth/upstash-redis-adapter')
const { default: connectPgSimple } = await load('connect-pg-simple')
const { RedisStore } = await load('connect-redis')
const { default: expressSession } = await load('express-session')
const { RateLimiterPostgres, RateLimiterRedis } = await load('rate-limiter-flexible')
const { createClient } = await load('redis')
const { default: Keyv } = await load('keyv')
const { default: KeyvRedis } = await load('@keyv/redis')
const { default: KeyvPostgres } = await load('@keyv/postgres')

let redis: FreshRedis
let database: FreshDatabase
let pool: pg.Pool
beforeAll(async () => {
  redis = await freshRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => {
  await redis.client.flushall()
  database = await freshDatabase()
  pool = new pg.Pool({ connectionString: database.url })
})
afterEach(async () => {
  await pool.end()
  await database.drop()
})

const copy = (preset: string) => migrate(preset, { KV_URL: redis.url, DATABASE_URL: database.url })

test('connect-redis: connect-pg-simple goes on with the sessions', async () => {
  const client = await createClient({ url: redis.url }).connect()
  const before = new RedisStore({ client })
  const day = 86_400_000
  const ann = {
    cookie: { originalMaxAge: day, expires: new Date(Date.now() + day), httpOnly: true, path: '/' },
    user: { name: 'Ann', cart: [{ id: '00123', price: 12.5 }], note: '“ü” 🎈' },
  }
  const bo = { cookie: { originalMaxAge: null }, views: 3 }
  await before.set('a:1/ä', ann)
  await before.set('bo', bo)
  await client.close()

  await copy('connect-redis')

  const Store = connectPgSimple(expressSession)
  const after = new Store({ pool, tableName: 'session', pruneSessionInterval: false })
  const get = (sid: string) =>
    new Promise<unknown>((done, fail) =>
      after.get(sid, (error: unknown, session: unknown) => (error ? fail(error) : done(session))),
    )
  const call = (work: (done: (error?: unknown) => void) => void) =>
    new Promise<void>((done, fail) => work((error) => (error ? fail(error) : done())))
  expect(await get('a:1/ä')).toEqual(JSON.parse(JSON.stringify(ann)))
  expect(await get('bo')).toEqual(JSON.parse(JSON.stringify(bo)))
  expect(await get('nobody')).toBeFalsy()
  await call((done) => after.set('bo', { ...bo, views: 4 }, done))
  expect(await get('bo')).toMatchObject({ views: 4 })
  await call((done) => after.touch('a:1/ä', ann, done))
  await call((done) => after.destroy('bo', done))
  expect(await get('bo')).toBeFalsy()
  await database.query("update session set expire = now() - interval '1 minute'")
  expect(await get('a:1/ä')).toBeFalsy()
  await call((done) => after.pruneSessions(done))
  expect((await database.query('select from session')).rowCount).toBe(0)
  after.close()
})

test('authjs: @auth/pg-adapter goes on with users, accounts, sessions and tokens', async () => {
  const server = await startUpstash(redis.port)
  const before = UpstashRedisAdapter(
    new Upstash({ url: server.url, token: server.token, enableTelemetry: false }),
  )
  const verified = new Date('2026-01-02T03:04:05.678Z')
  const ann = await before.createUser({
    id: '',
    name: 'Ann',
    email: 'ann@example.com',
    emailVerified: verified,
    image: 'https://example.com/a.png',
  })
  const bo = await before.createUser({ id: '', name: null, email: 'bo@example.com', emailVerified: null })
  await before.linkAccount({
    userId: ann.id,
    type: 'oidc',
    provider: 'google',
    providerAccountId: '100260826624307986705',
    access_token: 'ya29.x',
    expires_at: 1_799_999_999,
    token_type: 'bearer',
    scope: 'openid email',
  })
  const expires = new Date('2036-01-01T00:00:00.000Z')
  await before.createSession({ sessionToken: 'tok:en-1', userId: ann.id, expires })
  await before.createVerificationToken({ identifier: 'bo@example.com', token: 'abc123', expires })
  await server.stop()

  await copy('authjs')

  const after = PostgresAdapter(pool)
  expect(await after.getUser(ann.id)).toEqual(ann)
  expect(await after.getUserByEmail('bo@example.com')).toMatchObject({
    id: bo.id,
    name: null,
    emailVerified: null,
  })
  expect(
    await after.getUserByAccount({ provider: 'google', providerAccountId: '100260826624307986705' }),
  ).toMatchObject({ id: ann.id, email: 'ann@example.com' })
  expect(await after.getSessionAndUser('tok:en-1')).toMatchObject({
    session: { userId: ann.id, expires },
    user: { id: ann.id, emailVerified: verified },
  })
  expect(await after.useVerificationToken({ identifier: 'bo@example.com', token: 'abc123' })).toEqual({
    identifier: 'bo@example.com',
    token: 'abc123',
    expires,
  })
  expect(await after.useVerificationToken({ identifier: 'bo@example.com', token: 'abc123' })).toBeNull()

  // And new ones, whose ids Postgres makes.
  const cy = await after.createUser({ id: '', name: 'Cy', email: 'cy@example.com', emailVerified: null })
  await after.linkAccount({ userId: cy.id, type: 'oauth', provider: 'github', providerAccountId: '7' })
  await after.createSession({ sessionToken: 'tok-2', userId: cy.id, expires })
  expect(await after.getSessionAndUser('tok-2')).toMatchObject({ user: { id: cy.id } })
  await after.deleteUser(ann.id)
  expect(await after.getSessionAndUser('tok:en-1')).toBeNull()
})

test('rate-limit: RateLimiterPostgres goes on counting, and keeps blocks', async () => {
  const limits = { points: 5, duration: 3600 }
  const before = new RateLimiterRedis({ storeClient: redis.client, ...limits })
  await before.consume('ann', 3)
  await before.consume('10.0.0.7:443', 5)
  await before.block('mallory', 86_400)
  const blocked = (await before.get('mallory')).msBeforeNext

  await copy('rate-limit')

  const after = new RateLimiterPostgres({
    storeClient: pool,
    storeType: 'pool',
    tableName: 'rlflx',
    tableCreated: true,
    clearExpiredByTimeout: false,
    ...limits,
  })
  expect(await after.get('ann')).toMatchObject({ consumedPoints: 3, remainingPoints: 2 })
  expect(await after.consume('ann', 1)).toMatchObject({ consumedPoints: 4, remainingPoints: 1 })
  await expect(after.consume('10.0.0.7:443')).rejects.toMatchObject({ remainingPoints: 0 })
  await expect(after.consume('mallory')).rejects.toMatchObject({ remainingPoints: 0 })
  const left = (await after.get('mallory')).msBeforeNext
  expect(left).toBeLessThanOrEqual(blocked)
  expect(left).toBeGreaterThan(blocked - 600_000)
  expect(await after.consume('new', 1)).toMatchObject({ consumedPoints: 1 })
})

test('keyv: @keyv/postgres goes on with values and their ends', async () => {
  const before = new Keyv(new KeyvRedis(redis.url))
  await before.set('a:1', { name: 'Ann', note: '“ü” 🎈', n: 12.5 })
  await before.set('short', 'soon gone', 86_400_000)
  await before.set('bytes', Buffer.from([0, 255]))
  await before.disconnect()

  await copy('keyv')

  const after = new Keyv({ store: new KeyvPostgres({ uri: database.url }) })
  expect(await after.getMany(['a:1', 'short', 'nothing'])).toEqual([
    { name: 'Ann', note: '“ü” 🎈', n: 12.5 },
    'soon gone',
    undefined,
  ])
  expect(await after.get('bytes')).toEqual(Buffer.from([0, 255]))
  const left = (await after.get('short', { raw: true })).expires - Date.now()
  expect(left).toBeGreaterThan(86_000_000)
  expect(left).toBeLessThanOrEqual(86_400_000)
  await after.set('a:1', 2)
  expect(await after.get('a:1')).toBe(2)
  expect(await after.delete('bytes')).toBe(true)
  await after.disconnect()
})

test('vercel-chat: chats and their messages are rows', async () => {
  const server = await startUpstash(redis.port)
  const kv = new Upstash({ url: server.url, token: server.token, enableTelemetry: false })
  // As the template saves a chat.
  const createdAt = Date.parse('2026-01-08T10:00:00Z')
  const messages = [
    { role: 'user', content: 'What is "1,5 €" in cents?' },
    { role: 'assistant', content: '150', id: 'm2', tool: { name: 'calc', input: 1.5 } },
  ]
  await kv.hset('chat:abc', {
    id: 'abc',
    title: 'Cents',
    userId: 'u1',
    createdAt,
    path: '/chat/abc',
    messages,
  })
  await redis.client.zadd('user:chat:u1', createdAt, 'chat:abc')
  await kv.hset('chat:new', {
    id: 'new',
    title: '42',
    userId: 'u1',
    createdAt,
    path: '/chat/new',
    messages: [],
  })
  await server.stop()

  await copy('vercel-chat')

  const { rows: chats } = await database.query('select id, user_id, title, created_at from chats order by id')
  expect(chats).toEqual([
    { id: 'abc', user_id: 'u1', title: 'Cents', created_at: new Date(createdAt) },
    { id: 'new', user_id: 'u1', title: '42', created_at: new Date(createdAt) },
  ])
  const { rows } = await database.query(
    'select chat_id, position, role, content, more from chat_messages order by 1, 2',
  )
  expect(rows).toEqual([
    { chat_id: 'abc', position: 0, role: 'user', content: 'What is "1,5 €" in cents?', more: null },
    {
      chat_id: 'abc',
      position: 1,
      role: 'assistant',
      content: '150',
      more: { id: 'm2', tool: { name: 'calc', input: 1.5 } },
    },
  ])
})

// No library opens these tables: what the public template asks of KV (app/actions.ts of vercel/ai-chatbot before it had Postgres) is asked of both.
test('vercel-chat: every question of the template has the same answer in SQL as it had in KV', async () => {
  const server = await startUpstash(redis.port)
  const kv = new Upstash({ url: server.url, token: server.token, enableTelemetry: false })
  const chats = [
    { id: 'first', userId: 'u1', at: 3000, messages: [{ role: 'user', content: 'one' }] },
    { id: 'latest', userId: 'u1', at: 9000, messages: [] },
    { id: 'shared', userId: 'u1', at: 5000, messages: [{ role: 'user', content: 'two', id: 'm' }] },
    { id: 'theirs', userId: 'u2', at: 7000, messages: [{ role: 'assistant', content: 'three' }] },
  ]
  for (const { id, userId, at, messages } of chats) {
    const createdAt = 1_767_830_400_000 + at
    const sharePath = id === 'shared' ? { sharePath: `/share/${id}` } : {}
    const title = `Chat ${id}`
    await kv.hset(`chat:${id}`, { id, title, userId, createdAt, path: `/chat/${id}`, messages, ...sharePath })
    await redis.client.zadd(`user:chat:${userId}`, createdAt, `chat:${id}`)
  }
  interface Chat {
    readonly id: string
    readonly userId: string
    readonly sharePath?: string | null
    readonly messages: unknown
  }
  const before = {
    getChats: async (user: string) => {
      const keys = await kv.zrange<string[]>(`user:chat:${user}`, 0, -1, { rev: true })
      return Promise.all(keys.map(async (key) => (await kv.hgetall<Record<string, unknown>>(key))?.id))
    },
    getChat: async (id: string, user: string) => {
      const chat = (await kv.hgetall(`chat:${id}`)) as Chat | null
      return chat && chat.userId === user ? chat.messages : null
    },
    getSharedChat: async (id: string) => ((await kv.hgetall(`chat:${id}`)) as Chat | null)?.sharePath ?? null,
  }
  const sql = async (text: string, args: readonly unknown[]) => (await pool.query(text, [...args])).rows
  const after: typeof before = {
    getChats: async (user) =>
      (await sql('select id from chats where user_id = $1 order by created_at desc', [user])).map(
        (it) => it.id,
      ),
    getChat: async (id, user) => {
      const [chat] = await sql('select id from chats where id = $1 and user_id = $2', [id, user])
      if (!chat) return null
      const rows = await sql(
        `select jsonb_build_object('role', role, 'content', content) || coalesce(more, '{}') as message
           from chat_messages where chat_id = $1 order by position`,
        [id],
      )
      return rows.map((it) => it.message)
    },
    getSharedChat: async (id) =>
      (await sql('select share_path from chats where id = $1', [id]))[0]?.share_path ?? null,
  }
  const answersOf = async (its: typeof before) => ({
    chats: await Promise.all(['u1', 'u2', 'nobody'].map(its.getChats)),
    chat: await Promise.all(
      [...chats.map(({ id }) => id), 'none'].flatMap((id) =>
        ['u1', 'u2'].map((user) => its.getChat(id, user)),
      ),
    ),
    shared: await Promise.all([...chats.map(({ id }) => id), 'none'].map(its.getSharedChat)),
  })
  const asked = await answersOf(before)
  expect(asked.chats).toEqual([['latest', 'shared', 'first'], ['theirs'], []])
  await server.stop()

  await copy('vercel-chat')
  expect(await answersOf(after)).toEqual(asked)
  // removeChat, clearChats
  await sql('delete from chats where id = $1 and user_id = $2', ['first', 'u1'])
  await sql('delete from chats where user_id = $1', ['u2'])
  expect(await sql('select distinct chat_id from chat_messages', [])).toEqual([{ chat_id: 'shared' }])
})

describe('kvmig init --preset', () => {
  test('leaves a project that is there alone, and does not write over a plan', async () => {
    const folder = projectFolder({ 'migrations.yaml': 'version: 1 # mine\n' })
    const init = (...argv: string[]) => runCli(['init', '--preset', ...argv], { cwd: folder.path })
    const { code, stdout } = await init('authjs')
    expect(code).toBe(0)
    expect(stdout).toContain('Wrote plans/authjs.yaml')
    expect(readFileSync(join(folder.path, 'migrations.yaml'), 'utf8')).toBe('version: 1 # mine\n')
    expect(await init('authjs')).toMatchObject({ code: 1, stderr: expect.stringContaining('FILE_EXISTS') })
    expect((await init('authjs', '--force')).code).toBe(0)
    expect(await init('auth')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is no preset "auth".'),
    })
    folder.remove()
  })

  test('and preset: in a plan says that it is written out', async () => {
    const folder = projectFolder({
      'migrations.yaml': 'version: 1\nsources: { kv: "ndjson:./kv.ndjson" }\ntarget: pglite:memory\n',
      'plans/a.yaml': 'version: 1\nplan: a\npreset: authjs\n',
    })
    const { stdout } = await runCli(['plan'], { cwd: folder.path })
    folder.remove()
    expect(stdout).toContain('kvmig init --preset NAME writes a plan out')
  })

  test('has a line in the docs for each', () => {
    const page = readFileSync(resolve(import.meta.dirname, '../../docs/presets.md'), 'utf8')
    expect([...page.matchAll(/^\| `([\w-]+)` \|/gm)].map((it) => it[1])).toEqual(
      readPresets().map((it) => it.name),
    )
  })
})
