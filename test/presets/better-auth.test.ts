import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { load, migrate } from './migrate.ts'

const { betterAuth } = await load('better-auth')
const { getMigrations } = await load('better-auth/db/migration')
const { redisStorage } = await load('@better-auth/redis-storage')

let redis: FreshRedis
let database: FreshDatabase
let pool: pg.Pool
beforeAll(async () => {
  redis = await freshRedis()
  database = await freshDatabase()
  pool = new pg.Pool({ connectionString: database.url })
})
afterAll(async () => {
  await pool.end()
  await database.drop()
  await redis.stop()
})

const PASSWORD = 'correct horse 1'

test('better-auth: who is signed in stays so, and nobody else comes in', async () => {
  const resets = new Map<string, string>()
  const options = {
    database: pool,
    baseURL: 'http://localhost:3000',
    secret: 'Zk8vQ2mX7pR4tW9yB3nF6hJ1cL5sD0gA',
    telemetry: { enabled: false },
    emailAndPassword: {
      enabled: true,
      sendResetPassword: async (it: { user: { email: string }; token: string }) => {
        resets.set(it.user.email, it.token)
      },
    },
  }
  const withRedis = { ...options, secondaryStorage: redisStorage({ client: redis.client }) }
  const make = async (its: object) => (await getMigrations(its)).runMigrations()
  const cookieOf = (headers: Headers) => ({ cookie: headers.get('set-cookie')?.split(';')[0] ?? '' })

  await make(withRedis)
  const before = betterAuth(withRedis)
  const signUp = async (name: string) => {
    const body = { name, email: `${name}@example.com`, password: PASSWORD }
    const headers = { 'user-agent': `the browser of ${name}` }
    return cookieOf((await before.api.signUpEmail({ body, headers, returnHeaders: true })).headers)
  }
  const [ann, bo, cy] = [await signUp('ann'), await signUp('bo'), await signUp('cy')]
  await before.api.requestPasswordReset({ body: { email: 'bo@example.com' } })
  const asked = await before.api.getSession({ headers: ann })
  // Cy signs out everywhere, and the key of a session is left over: better-auth does not take it any more.
  const token = (await before.api.getSession({ headers: cy })).session.token
  const left = await redis.client.get(`better-auth:${token}`)
  await before.api.revokeSessions({ headers: cy })
  await redis.client.set(`better-auth:${token}`, left!, 'EX', 100_000)
  expect(await before.api.getSession({ headers: cy })).toBeNull()

  await make(options)
  await migrate('better-auth', { KV_URL: redis.url, DATABASE_URL: database.url })

  const after = betterAuth(options)
  expect(await after.api.getSession({ headers: ann })).toEqual(asked)
  expect(await after.api.getSession({ headers: cy })).toBeNull()
  expect((await pool.query('SELECT "userAgent" FROM session ORDER BY 1')).rows).toEqual([
    { userAgent: 'the browser of ann' },
    { userAgent: 'the browser of bo' },
  ])
  const reset = { newPassword: 'another horse 2', token: resets.get('bo@example.com') }
  expect(await after.api.resetPassword({ body: reset })).toMatchObject({ status: true })
  await expect(after.api.resetPassword({ body: reset })).rejects.toMatchObject({ status: 'BAD_REQUEST' })

  // And it goes on from there.
  await after.api.updateUser({ headers: ann, body: { name: 'Ann' } })
  expect(await after.api.getSession({ headers: ann })).toMatchObject({ user: { name: 'Ann' } })
  expect(await after.api.listSessions({ headers: ann })).toHaveLength(1)
  const again = await after.api.signInEmail({
    body: { email: 'cy@example.com', password: PASSWORD },
    returnHeaders: true,
  })
  expect(await after.api.getSession({ headers: cookieOf(again.headers) })).toMatchObject({
    user: { email: 'cy@example.com' },
  })
  await after.api.signOut({ headers: bo })
  expect(await after.api.getSession({ headers: bo })).toBeNull()
})
