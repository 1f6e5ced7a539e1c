import { Redis } from '@upstash/redis'
import { afterAll, describe, expect, test } from 'vitest'
import { fleet, laggards } from '../../src/state/instances.ts'
import { outboxDepth } from '../../src/state/outbox.ts'
import { readRoutes } from '../../src/state/route.ts'
import { freshRedis } from '../setup/redis.ts'
import { startUpstash } from '../setup/upstash-server.ts'
import { startWorld } from './world.ts'

// Its types bring those of browsers along.
const NAME: string = '@auth/upstash-redis-adapter'
const { UpstashRedisAdapter } = await import(NAME)

const behind = await freshRedis()
const server = await startUpstash(behind.port)
// Whole documents, so that the adapter gets back in C what it wrote in A.
const table = (name: string, match: string) => `
  - { match: '${match}', type: string, decode: json, into: ${name}, fields: { id: $id, doc: $value } }`
const columns = (name: string) => `
  ${name}: { columns: { id: text, doc: jsonb not null }, primary_key: [id] }`
const world = await startWorld(
  'postgres',
  {
    auth: `
version: 1
plan: auth
mappings:
  - { match: 'user:email:{_:rest}', index: from the address to the id }
  - { match: 'user:account:by-user-id:{_:rest}', index: the last account of a user }
  - { match: 'user:session:by-user-id:{_:rest}', index: the last session of a user }${table('accounts', 'user:account:{id:rest}')}${table('sessions', 'user:session:{id:rest}')}${table('tokens', 'user:token:{id:rest}')}${table('users', 'user:{id}')}
tables:${['accounts', 'sessions', 'tokens', 'users'].map(columns).join('')}
`,
  },
  { KV_URL: server.url, UPSTASH_REDIS_REST_URL: server.url, UPSTASH_REDIS_REST_TOKEN: server.token },
)
afterAll(async () => {
  await server.stop()
  await behind.stop()
})
await world.applyA()
const kvmig = await world.connect({ shadow: 0 }, { pollMillis: 100 })
const native = new Redis({ url: server.url, token: server.token, retry: false })
const adapter = UpstashRedisAdapter(kvmig.wrap(native))

describe.each([
  ['A', 'A'],
  ['B', 'B'],
  ['C', 'C'],
  ['B', 'B after a rollback from C'],
] as const)('@auth/upstash-redis-adapter in %s: %s', (phase, when) => {
  test('users, accounts, sessions and tokens, from sign-up to deletion', async () => {
    await world.flip('auth', phase)
    const { epoch } = (await readRoutes(world.target)).get('auth')!
    await expect.poll(async () => laggards(await fleet(world.target), 'auth', epoch)).toEqual([])

    const email = `${when}@example.org`
    const emailVerified = new Date('2026-01-08T10:00:00.000Z')
    const user = await adapter.createUser({ id: 'given', name: 'Ann', email, emailVerified, image: null })
    expect(await adapter.getUser(user.id)).toEqual(user)
    expect(await adapter.getUserByEmail(email)).toEqual(user)
    expect(await adapter.getUser('nobody')).toBeNull()
    expect((await adapter.updateUser({ id: user.id, name: 'Ann B.' })).name).toBe('Ann B.')
    expect(await adapter.getUser(user.id)).toMatchObject({ name: 'Ann B.', emailVerified })

    const account = { userId: user.id, type: 'oauth', provider: 'github', providerAccountId: when } as const
    await adapter.linkAccount(account)
    expect(await adapter.getUserByAccount(account)).toMatchObject({ id: user.id })

    const expires = new Date('2036-01-01T00:00:00.000Z')
    const sessionToken = `token of ${when}`
    await adapter.createSession({ sessionToken, userId: user.id, expires })
    expect(await adapter.getSessionAndUser(sessionToken)).toMatchObject({
      session: { sessionToken, userId: user.id, expires },
      user: { name: 'Ann B.' },
    })
    const later = new Date('2037-01-01T00:00:00.000Z')
    expect(await adapter.updateSession({ sessionToken, expires: later })).toMatchObject({ expires: later })

    const token = { identifier: email, token: 't', expires }
    await adapter.createVerificationToken(token)
    expect(await adapter.useVerificationToken(token)).toEqual(token)
    expect(await adapter.useVerificationToken(token)).toBeNull()

    await expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])
    expect(await native.get(`user:session:${sessionToken}`)).toMatchObject({ expires: later.toISOString() })
    if (phase !== 'A')
      expect(
        await world.rows(`SELECT doc->>'userId' AS of FROM sessions WHERE id = '${sessionToken}'`),
      ).toEqual([{ of: user.id }])
    await adapter.deleteSession(sessionToken)
    expect(await adapter.getSessionAndUser(sessionToken)).toBeNull()
  })
})
