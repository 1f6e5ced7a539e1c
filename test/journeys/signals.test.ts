import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshDatabase } from '../setup/postgres.ts'
import { startProxy } from '../setup/proxy.ts'
import { APPLY, contents, openShop, type Shop, undisturbed } from './shop.ts'

let shop: Shop
let expected: Record<string, unknown>
beforeAll(async () => {
  shop = await openShop()
  expected = await undisturbed(shop)
})
afterAll(() => shop.close())

/** Where the run is when the signal comes: what it is just saying to Postgres, or to Redis. */
const PLACES = [
  { to: 'redis', words: 'HGETALL', nth: 1 },
  { to: 'redis', words: 'MGET', nth: 8 },
  { to: 'postgres', words: 'CREATE TABLE "public"', nth: 1 },
  { to: 'postgres', words: 'COPY "public"."orders"', nth: 2 },
  { to: 'postgres', words: 'INSERT INTO kvmig.checkpoint', nth: 2 },
  { to: 'postgres', words: 'VALIDATE CONSTRAINT', nth: 1 },
] as const

const SIGNALS = [
  ['SIGINT', 130, PLACES],
  ['SIGTERM', 143, [PLACES[1], PLACES[3], PLACES[4]]],
  ['SIGHUP', 129, [PLACES[3]]],
] as const

type Place = (typeof PLACES)[number]

async function runTo(place: Place, then: (pid: number) => void | Promise<void>) {
  const database = await freshDatabase()
  const address = new URL(database.url)
  const postgres = await startProxy(Number(address.port))
  const redis = await startProxy(shop.redis.port)
  address.port = String(postgres.port)
  let heard = 0
  const proxy = place.to === 'redis' ? redis : postgres
  proxy.onRequest((bytes) => {
    if (!bytes.includes(place.words)) return
    heard += 1
    if (heard === place.nth) return then(run.child.pid!)
  })
  const run = shop.start(APPLY, address.href, { KV_URL: `redis://127.0.0.1:${redis.port}` })
  return {
    database,
    run,
    close: async () => {
      expect(heard).toBeGreaterThanOrEqual(place.nth)
      await postgres.close()
      await redis.close()
      await database.drop()
    },
  }
}

describe.each(SIGNALS)('%s', (signal, exitCode, places) => {
  for (const place of places) {
    test.concurrent(`at ${place.words} (${place.nth}): exit ${exitCode}, the lease is free, and the next run completes`, async () => {
      const { database, run, close } = await runTo(place, (pid) => {
        process.kill(pid, signal)
      })
      const ended = await run.ended
      expect({ code: ended.code, signal: ended.signal }).toEqual({ code: exitCode, signal: null })
      expect(ended.stderr).toContain(
        `kvmig: ${signal}: stopping as soon as nothing is half done. Once more stops at once.`,
      )
      expect(ended.stdout + ended.stderr).toContain('kvmig apply --phase=A')
      expect(ended.stdout + ended.stderr).not.toMatch(/^\s+at /m)
      const { rows } = await database.query('select holder from kvmig.lease')
      expect(rows).toEqual([{ holder: null }])
      const { rows: runs } = await database.query('select outcome from kvmig.run')
      expect(runs).toEqual([{ outcome: 'interrupted' }])
      const next = await shop.run(APPLY, database.url)
      expect(next.stderr).not.toContain('kvmig:')
      expect(next.code).toBe(0)
      expect(await contents(database)).toEqual(expected)
      await close()
    })
  }

  test.concurrent('H69 twice ends at once, whatever hangs, and the next run completes', async () => {
    // The answer never comes: only the second signal can end it.
    const { database, run, close } = await runTo(PLACES[3], (pid) => {
      process.kill(pid, signal)
      return new Promise(() => {})
    })
    await run.says('Once more stops at once')
    run.child.kill(signal)
    expect(await run.ended).toMatchObject({ code: exitCode, signal: null })
    const next = await shop.run(APPLY, database.url)
    expect(next.code).toBe(0)
    expect(await contents(database)).toEqual(expected)
    await close()
  })
})
