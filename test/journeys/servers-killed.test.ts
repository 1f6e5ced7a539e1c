import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Ended } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { startPostgres } from '../setup/postgres-server.ts'
import { startProxy } from '../setup/proxy.ts'
import { freshRedis } from '../setup/redis.ts'
import { APPLY, contents, fillShop, openShop, type Shop, undisturbed } from './shop.ts'

let shop: Shop
let expected: Record<string, unknown>
beforeAll(async () => {
  shop = await openShop()
  expected = await undisturbed(shop)
})
afterAll(() => shop.close())

/** What the program says goes through a proxy, which kills the server when it hears these words for the nth time. */
interface Moment {
  readonly words: string
  readonly nth?: number
  /** `before`: the server never hears them. `as`: it may or may not have done it, and nobody gets to know. */
  readonly when: 'before' | 'as'
}

const POSTGRES: readonly Moment[] = [
  { words: 'CREATE TABLE kvmig.version', when: 'as' },
  { words: 'UPDATE kvmig.lease SET id', when: 'as' },
  { words: 'CREATE TABLE "public"', nth: 2, when: 'as' },
  { words: 'COPY "public"."orders"', when: 'before' },
  { words: 'COPY "public"."orders"', nth: 2, when: 'as' },
  { words: 'PGCOPY', nth: 4, when: 'as' },
  { words: 'INSERT INTO kvmig.checkpoint', nth: 2, when: 'before' },
  { words: 'COMMIT\0', nth: 30, when: 'as' },
  { words: 'COMMIT\0', nth: 40, when: 'as' },
  { words: 'CREATE INDEX "orders_customer"', when: 'as' },
  { words: 'DELETE FROM "public"."orders"', when: 'as' },
  { words: 'VALIDATE CONSTRAINT', when: 'before' },
  { words: 'UPDATE kvmig.run SET outcome', when: 'as' },
]

const REDIS: readonly Moment[] = [
  { words: 'INFO', when: 'as' },
  { words: 'SCAN', when: 'before' },
  { words: 'SCAN', nth: 5, when: 'as' },
  { words: 'MULTI', nth: 1, when: 'before' },
  { words: 'MULTI', nth: 8, when: 'before' },
  { words: 'HGETALL', nth: 2, when: 'as' },
  { words: 'SCAN', nth: 12, when: 'before' },
]

describe('Postgres is killed', () => {
  for (const moment of POSTGRES) {
    test.concurrent(title(moment), async () => {
      const server = await startPostgres({ durable: true })
      const database = await freshDatabase(server.url)
      const killing = await killAt(server.port, moment, server.crash)
      const address = new URL(database.url)
      address.port = String(killing.port)
      const died = await shop.run(APPLY, address.href)
      await killing.close()
      saysWhatHappened(died)
      expect(died.stderr).toMatch(/CONNECTION_(LOST|REFUSED)|NOT_SENT|COMMIT_UNKNOWN/)
      await server.restart()
      await completes(database)
      await server.stop()
    })
  }
})

describe('Redis is killed', () => {
  for (const moment of REDIS) {
    test.concurrent(title(moment), async () => {
      const redis = await freshRedis()
      const database = await freshDatabase()
      await fillShop(redis.client)
      await redis.save()
      const killing = await killAt(redis.port, moment, redis.kill)
      const died = await shop.run(APPLY, database.url, { KV_URL: `redis://127.0.0.1:${killing.port}` })
      await killing.close()
      saysWhatHappened(died)
      expect(died.stderr).toMatch(/SOURCE_(LOST|REFUSED)/)
      await redis.restart()
      await completes(database, { KV_URL: redis.url })
      await redis.stop()
      await database.drop()
    })
  }
})

function title({ words, nth = 1, when }: Moment): string {
  return `${when} it hears ${words.replace('\0', '')}${nth > 1 ? ` (${nth})` : ''}`
}

async function killAt(port: number, { words, nth = 1, when }: Moment, kill: () => Promise<void>) {
  const proxy = await startProxy(port)
  let heard = 0
  proxy.onRequest((bytes) => {
    if (!bytes.includes(words)) return
    heard += 1
    if (heard !== nth) return
    const killed = kill()
    if (when === 'before') return killed
  })
  return {
    port: proxy.port,
    close: async () => {
      await proxy.close()
      expect(heard).toBeGreaterThanOrEqual(nth)
    },
  }
}

/** Somebody finds this in a log in the morning. */
function saysWhatHappened({ code, signal, stdout, stderr }: Ended): void {
  expect({ code, signal }).toEqual({ code: 1, signal: null })
  expect(stdout + stderr).not.toMatch(/^\s+at /m)
  expect(stderr).not.toContain('UNEXPECTED')
  expect(stderr).toMatch(/(kvmig|failed): [A-Z_]+ {2}\S.+\.( \(.*\))?$/m)
}

async function completes(database: FreshDatabase, more = {}): Promise<void> {
  const ended = await shop.run(APPLY, database.url, more)
  expect(ended.stderr).not.toContain('kvmig:')
  expect(ended.code).toBe(0)
  expect(await contents(database)).toEqual(expected)
}
