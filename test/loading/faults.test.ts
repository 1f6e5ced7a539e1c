import { hostname } from 'node:os'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SESSION_PARTS } from '../../src/catalog.ts'
import { SourceError } from '../../src/errors.ts'
import { machine } from '../../src/runner/lease.ts'
import { memorySource } from '../../src/sources/memory.ts'
import type { Entry, Page, Source } from '../../src/sources/source.ts'
import { openLedger } from '../../src/state/postgres-ledger.ts'
import { openTarget } from '../../src/target/connect.ts'
import { openProject } from '../runner/harness.ts'
import { projectFolder } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { startProxy } from '../setup/proxy.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { string } from '../sources/entries.ts'
import { requireAccounts } from './accounts.ts'
import { emptied, makeWorld, PROJECT, type World } from './world.ts'

const PLAN = `version: 1
plan: data
mappings:
  - { match: 'user:{id}', type: string, decode: json, into: users, conflict: newest(at), fields: { id: $id | lower, name: n, at: t } }
  - { match: 'post:{id:int}', type: string, decode: json, into: posts, fields: { id: $id, author: by } }
tables:
  users: { columns: { id: text, name: text, at: integer }, primary_key: [id] }
  posts:
    columns: { id: integer, author: text not null }
    primary_key: [id]
    indexes: { posts_author: [author] }
    references: [{ columns: [author], to: users(id) }]
`
const json = (key: string, value: unknown): Entry => string(key, JSON.stringify(value))
const entries: readonly Entry[] = [
  ...Array.from({ length: 20 }, (_, it) => json(`user:u${it}`, { n: `name ${it}`, t: it })),
  ...Array.from({ length: 8 }, (_, it) =>
    json(`user:U${it}`, { n: `newer ${it}`, t: it % 2 === 0 ? it : it + 5 }),
  ),
  ...Array.from({ length: 30 }, (_, it) => json(`post:${it}`, it === 7 ? {} : { by: `u${it % 23}` })),
]
const USERS = { inserted: 16, updated: 4, unchanged: 0, duplicate: 0, rejected: 8 }

let database: FreshDatabase
let world: World | undefined
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  await emptied(database)
  return () => world?.remove()
})

async function contents(): Promise<unknown> {
  const { rows } = await database.query(`select
    (select json_agg(u order by id) from users u) as users, (select json_agg(p order by id) from posts p) as posts,
    (select json_agg(row(convert_from(key, 'UTF8'), code) order by key) from kvmig.quarantine) as quarantine,
    (select json_agg(row(writer, convert_from(key, 'UTF8'), state) order by row_key) from kvmig.origin) as origins,
    (select json_agg(row(id, state, outcome) order by id) from kvmig.step) as steps,
    (select count(*) from kvmig.checkpoint) as checkpoints`)
  return rows[0]
}

/** A source over memory that says what a test wants before it gives a page, and keeps its identity between runs. */
function watched(
  entries: readonly Entry[],
  pageSize: number,
  before: (page: number) => Promise<void> | void,
): Source & { readonly pages: number } {
  const source = memorySource(entries, undefined, { pageSize })
  let pages = 0
  return {
    label: source.label,
    identity: async () => 'memory:the same',
    read: (keys) => source.read(keys),
    commands: () => 0,
    close: () => source.close(),
    get pages() {
      return pages
    },
    scan: async function* (selection, from): AsyncIterable<Page> {
      for await (const page of source.scan(selection, from)) {
        await before(pages)
        pages += 1
        yield page
      }
    },
  }
}

describe('H47 a connection that is cut around COMMIT', () => {
  test('loses nothing, doubles nothing, and counts right, whichever COMMIT it is', async () => {
    world = makeWorld({ plan: PLAN, database: database.url, entries, batchRows: 9 })
    const undisturbed = await world.apply()
    expect(undisturbed.steps.flatMap((it) => it.error ?? [])).toEqual([])
    expect(undisturbed.steps.find((it) => it.step.id.endsWith('backfill/users'))!.counts).toMatchObject(USERS)
    const expected = await contents()
    const folder = projectFolder({ 'migrations.yaml': PROJECT, 'plans/data.yaml': PLAN })
    const proxy = await startProxy(Number(new URL(database.url).port))
    const through = new URL(database.url)
    through.port = String(proxy.port)

    // Every COMMIT behind a step or a batch that was written down, one heard by the server, the next one not.
    for (let nth = 1, heard = nth; heard >= nth; nth++) {
      await emptied(database)
      heard = 0
      let isWritten = false
      proxy.onRequest((bytes) => {
        if (bytes.includes('INSERT INTO kvmig.checkpoint') || bytes.includes('INSERT INTO kvmig.step'))
          isWritten = true
        if (!isWritten || !bytes.includes('COMMIT\0')) return
        isWritten = false
        heard += 1
        if (heard !== nth) return
        if (nth % 2 === 0) proxy.redirect(Number(new URL(database.url).port))
        else proxy.cutAfter(0)
      })
      const harness = await openProject(
        folder.path,
        { DATABASE_URL: through.href, KV_URL: 'memory:' },
        { batchRows: 9, openSource: async () => watched(entries, 9, () => {}) },
      )
      // A cut may fail a run where nobody can tell what was done; the next one has to find out.
      for (let run = 1; ; run++) {
        const applied = await harness.apply().catch((error: Error) => ({ steps: [], error }))
        if (applied.steps.length > 0 && applied.steps.every((it) => !it.error)) break
        expect(run).toBeLessThan(3)
      }
      await harness.close()
      expect({ nth, ...((await contents()) as object) }).toEqual({ nth, ...(expected as object) })
    }
    await proxy.close()
    folder.remove()
  })
})

describe('a source that fails half-way', () => {
  test('is gone on with where the last commit was, and everything is as if it had not', async () => {
    world = makeWorld({ plan: PLAN, database: database.url, entries, batchRows: 4 })
    await world.apply()
    const expected = await contents()
    world.remove()
    for (const failing of [0, 1, 3, 7]) {
      await emptied(database)
      let isBroken = true
      const sources: { pages: number }[] = []
      world = makeWorld({
        plan: PLAN,
        database: database.url,
        entries,
        batchRows: 4,
        openSource: (all, pageSize) => {
          const source = watched(all, pageSize, (page) => {
            if (isBroken && page === failing) throw new SourceError('SOURCE_LOST', 'memory: is gone.')
          })
          sources.push(source)
          return source
        },
      })
      const { steps, outcome } = await world.apply()
      expect(outcome).toBe('failed')
      expect(steps.filter((it) => it.error).map((it) => (it.error as SourceError).code)).toEqual([
        'SOURCE_LOST',
        'SOURCE_LOST',
      ])
      expect(steps.filter((it) => it.status === 'skipped').length).toBeGreaterThan(0)
      isBroken = false
      const second = await world.apply()
      expect(second.steps.flatMap((it) => it.error ?? [])).toEqual([])
      expect(await contents()).toEqual(expected)
      // 15 pages in all; the survey of the gate reads them once, too, and once more to see which records are in quarantine.
      expect(sources[1]!.pages).toBeLessThanOrEqual(15 - Math.max(0, failing - 1) + 30)
      world.remove()
    }
  })

  test('or turns out to be another one is read from the beginning', async () => {
    world = makeWorld({ plan: PLAN, database: database.url, entries, batchRows: 4 })
    await world.apply()
    const expected = await contents()
    world.remove()
    await emptied(database)
    let turned = 0
    world = makeWorld({
      plan: PLAN,
      database: database.url,
      entries,
      batchRows: 4,
      openSource: (all, pageSize) =>
        watched(turned === 0 ? all : all.toReversed(), pageSize, (page) => {
          if (page !== 5 || turned > 0) return
          turned += 1
          throw new SourceError('SOURCE_CHANGED', 'memory: is another one.')
        }),
    })
    await world.apply()
    expect(turned).toBe(1)
    // What was there when it began anew counts as unchanged, not as inserted.
    const { steps: _, ...rest } = (await contents()) as Record<string, unknown>
    const { steps: __, ...wanted } = expected as Record<string, unknown>
    expect(rest).toEqual(wanted)
    await world.inSession(requireAccounts)
  })

  describe('and is a Redis', () => {
    let redis: FreshRedis
    beforeAll(async () => {
      redis = await freshRedis()
      for (const { key, value } of entries)
        await redis.client.set(key, value?.type === 'string' ? value.bytes : '')
    })
    afterAll(() => redis.stop())

    test('that was restarted meanwhile, with everything in it, is scanned again', async () => {
      await redis.save()
      const folder = projectFolder({ 'migrations.yaml': PROJECT, 'plans/data.yaml': PLAN })
      let restarted = 0
      const harness = await openProject(
        folder.path,
        { DATABASE_URL: database.url, KV_URL: redis.url },
        {
          batchRows: 4,
          openSource: async (address, context) => {
            const source = await SESSION_PARTS.openSource(address, { ...context, perSecond: 100_000 })
            return {
              ...passing(source),
              scan: async function* (selection, from) {
                for await (const page of source.scan(selection, from)) {
                  yield page
                  if (restarted > 0) continue
                  restarted += 1
                  await redis.kill()
                  await redis.restart()
                }
              },
            }
          },
        },
      )
      const { steps } = await harness.apply()
      expect(steps.flatMap((it) => it.error ?? [])).toEqual([])
      expect(restarted).toBe(1)
      await requireAccounts(harness)
      expect((await database.query('select count(*)::int as n from users')).rows).toEqual([{ n: 16 }])
      await harness.close()
      folder.remove()
    })

    test('whose keys expire during the copy: they are counted, and what is left of them is nobody’s loss', async () => {
      const plan = `version: 1
plan: data
mappings:
  - { match: 'session:{id:int}', type: string, into: sessions, fields: { id: $id, expires_at: $expires_at } }
tables:
  sessions: { columns: { id: integer, expires_at: timestamptz }, primary_key: [id] }
`
      await redis.client.flushall()
      const pipeline = redis.client.pipeline()
      for (let id = 0; id < 600; id++) pipeline.set(`session:${id}`, 'x', 'PX', 1 + id * 2)
      for (let id = 600; id < 620; id++) pipeline.set(`session:${id}`, 'x')
      await pipeline.exec()
      world = makeWorld({ plan, database: database.url, kv: redis.url, batchRows: 50 })
      const { steps, findings } = await world.apply()
      expect(steps.flatMap((it) => it.error ?? [])).toEqual([])
      const unhappy = [...findings.values()].flat().filter((it) => it.status !== 'pass')
      expect(unhappy).toEqual([])
      expect(await world.rows('select count(*) from sessions where expires_at is null')).toEqual(['20'])
      const { differences, fates } = await world.survey()
      expect(differences).toEqual([])
      expect(Object.values(fates).every((it) => it === 'migrated' || it === 'expired')).toBe(true)
    })
  })
})

/** A source's methods, for one to be replaced. */
const passing = (source: Source): Source => ({
  label: source.label,
  identity: () => source.identity(),
  scan: (selection, from) => source.scan(selection, from),
  read: (keys) => source.read(keys),
  commands: () => source.commands(),
  close: () => source.close(),
})

describe('expiry', () => {
  const plan = `version: 1
plan: data
mappings:
  - { match: 'session:{id}', type: string, into: sessions, fields: { id: $id, expires_at: $expires_at } }
tables:
  sessions: { columns: { id: text, expires_at: timestamptz }, primary_key: [id] }
`
  test('is judged by the database’s clock: what is past is counted, and gives no row', async () => {
    const now = Date.now()
    world = makeWorld({
      plan,
      database: database.url,
      entries: [
        string('session:past', '', now - 1),
        string('session:old', '', 1),
        string('session:soon', '', now + 3_600_000),
        string('session:never', ''),
      ],
    })
    const { steps } = await world.apply()
    expect(steps.find((it) => it.step.kind === 'backfill')!.counts).toMatchObject({
      keys: 2,
      expired: 2,
      inserted: 2,
    })
    const { fates, differences } = await world.survey()
    expect(fates).toEqual({
      'session:past': 'expired',
      'session:old': 'expired',
      'session:soon': 'migrated',
      'session:never': 'migrated',
    })
    expect(differences).toEqual([])
  })

  test('of a key whose row was copied leaves a row that nobody misses', async () => {
    const now = Date.now()
    world = makeWorld({
      plan,
      database: database.url,
      entries: [
        string('session:short', '', now + 2_000),
        string('session:long', '', now + 3_600_000),
        string('session:never', ''),
      ],
    })
    await world.apply()
    world.entries = world.entries.slice(2)
    // The short one is about to be over, by any clock; the long one cannot be.
    expect((await world.survey()).differences).toEqual(['extra session:long'])
  })
})

describe('the lease', () => {
  const small = (before: (page: number) => Promise<void> | void) =>
    makeWorld({
      plan: PLAN,
      database: database.url,
      entries,
      batchRows: 3,
      openSource: (all, pageSize) => watched(all, pageSize, before),
    })
  const everything = async () =>
    (
      await database.query(`select
    (select count(*)::int from users) as users, (select count(*)::int from posts) as posts, (select json_agg(c) from kvmig.checkpoint c) as checkpoints,
    (select json_agg(s order by id) from kvmig.step s) as steps, (select json_agg(o order by row_key) from kvmig.origin o) as origins`)
    ).rows[0]

  test('that is taken away from one who sleeps is noticed when he wakes: nothing is written any more', async () => {
    let taken: unknown
    world = small(async (page) => {
      if (page !== 6) return
      await world!.inSession(async ({ session }) => {
        const { id } = (await session.ledger.lease.current())!
        expect(await session.ledger.lease.unlock(id)).toBe(true)
      })
      taken = await everything()
    })
    await expect(world.apply()).rejects.toMatchObject({ code: 'LEASE_LOST', exitCode: 7 })
    expect(await everything()).toEqual(taken)
    expect((await database.query('select outcome from kvmig.run')).rows).toEqual([{ outcome: 'interrupted' }])
  })

  test('is somebody’s who is named to the second', async () => {
    let second: unknown
    world = small(async (page) => {
      if (page === 3) second = await world!.apply().catch((error: unknown) => error)
    })
    await world.apply()
    expect(second).toMatchObject({
      code: 'LEASE_HELD',
      exitCode: 7,
      message: expect.stringContaining(`test@${machine()} (process ${process.pid})`),
    })
    await world.inSession(requireAccounts)
  })

  test.each([
    [
      'of a process of this machine that is gone is taken over at once',
      `test@${machine()} (process 4194305)`,
      true,
    ],
    [
      'of a process of this machine that lives is left to it',
      `test@${machine()} (process ${process.ppid})`,
      false,
    ],
    ['of another machine is left to run out', 'test@elsewhere (process 4194305)', false],
    ['of another container is left to run out', `test@${hostname()}/c0ffee (process 4194305)`, false],
  ])('%s', async (_, holder, isTaken) => {
    world = small(() => {})
    const target = await openTarget(database.url, {})
    await openLedger(target).install()
    await target.close()
    await database.query(`update kvmig.lease set holder = $1, until = now() + interval '1 hour'`, [holder])
    const applied = world.apply().then(
      ({ outcome }) => outcome,
      (error: { code: string }) => error.code,
    )
    expect(await applied).toBe(isTaken ? 'closed' : 'LEASE_HELD')
  })
})

test('a target whose connections are all terminated again and again is written to the end', async () => {
  world = makeWorld({ plan: PLAN, database: database.url, entries, batchRows: 4 })
  await world.apply()
  const expected = await contents()
  world.remove()
  await emptied(database)
  world = makeWorld({
    plan: PLAN,
    database: database.url,
    entries,
    batchRows: 4,
    openSource: (all, pageSize) =>
      watched(all, pageSize, async (page) => {
        if (page % 3 !== 1 || page > 14) return
        await database.query(
          'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
        )
      }),
  })
  const { steps } = await world.apply()
  expect(steps.flatMap((it) => it.error ?? [])).toEqual([])
  expect(await contents()).toEqual(expected)
})
