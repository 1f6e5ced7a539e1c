import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planRebuild, rebuild } from '../../src/runner/rebuild.ts'
import { redis } from '../../src/sources/redis.ts'
import { openProject } from '../runner/harness.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { type Beside, startBeside } from './beside.ts'
import { readCases } from './case.ts'
import { migrate } from './migrate.ts'
import { postgres, type Store } from './stores.ts'

/** How many of its mappings have a way back. The others say why they have none; `kvmig plan` names them. */
const WAYS_BACK: Readonly<Record<string, number>> = {
  '02-vibe-core': 9,
  '04-5ducks-credits': 1,
  '05-5ducks-replit-full': 7,
  '07-nextauth-upstash': 4,
  '08-vercel-chat': 1,
  '12-deno-saaskit': 3,
  '14-bullmq': 2,
  '16-sessions-flags': 2,
  '19-envshare': 2,
}

describe.each(readCases())('case $name: rows, an empty Redis made of them, and rows again', (it) => {
  let server: FreshRedis
  let there: Store
  let again: Store
  let beside: Beside | undefined
  let made: Made

  beforeAll(async () => {
    server = await freshRedis()
    await it.seed(server.client)
    beside = it.beside && (await startBeside(it.beside))
    there = await postgres()
    again = await postgres()
    await there.query(it.ddl)
    await again.query(it.ddl)
    const variables = { ...beside?.variables }
    await migrate({ project: it.project, kv: `${server.url}/0`, database: there.url, variables })
    made = await rebuildInto(`${server.url}/1`)
    // Rows that have no way back themselves, and that others refer to.
    for (const table of it.rows.keys()) if (!made.tables.has(table)) await copy(table)
    await migrate({ project: it.project, kv: `${server.url}/1`, database: again.url, variables })
  }, 120_000)
  afterAll(async () => {
    await there.drop()
    await again.drop()
    await server.stop()
    await beside?.stop()
  })

  test('the mappings that claim a way back have one', () => {
    expect(made.mappings).toBe(WAYS_BACK[it.name] ?? 0)
  })

  test('each of their keys is there again, and no other', async () => {
    await server.client.select(1)
    expect((await server.client.keys('*')).sort()).toEqual([...made.keys].sort())
  })

  test('a table that only they fill holds the same rows, another one none that were not there before', async () => {
    for (const [table, isOnlyTheirs] of made.tables) {
      const [before, after] = [await rowsOf(there, table), await rowsOf(again, table)]
      expect(isOnlyTheirs ? before : after.filter((row) => !before.includes(row))).toEqual(
        isOnlyTheirs ? after : [],
      )
    }
  })

  async function rebuildInto(url: string): Promise<Made> {
    const harness = await openProject(it.project, {
      ...beside?.variables,
      KV_URL: `${server.url}/0`,
      DATABASE_URL: there.url,
    })
    try {
      const { session } = harness
      const what = await planRebuild(
        session,
        session.project.plans.filter(({ source }) => source === 'kv'),
      )
      const writer = await redis.openWriter!(url, { root: '/', signal: session.signal })
      await rebuild({ session, what, writer })
      await writer.close()
      const back = new Set(what.mappings.map(({ compiled }) => compiled))
      const others = new Set(what.left.map(({ compiled }) => compiled.table.name.table))
      return {
        mappings: back.size,
        tables: new Map([...back].map(({ table: { name } }) => [name.table, !others.has(name.table)])),
        keys: it.keys.flatMap(({ key, type, disposition }) => {
          if (disposition !== 'migrate' && disposition !== 'partial') return []
          const [claim] = session.compiled.router('kv').route(Buffer.from(key), type)
          return claim?.kind === 'mappings' && claim.mappings.some((one) => back.has(one)) ? [key] : []
        }),
      }
    } finally {
      await harness.close()
    }
  }

  async function copy(table: string): Promise<void> {
    const rows = await there.query(`SELECT to_jsonb(x) AS "row" FROM "${table}" x`)
    const json = JSON.stringify(rows.map((one) => one.row)).replaceAll("'", "''")
    await again.query(
      `SET session_replication_role = replica;
       INSERT INTO "${table}" SELECT * FROM jsonb_populate_recordset(NULL::"${table}", '${json}') ON CONFLICT DO NOTHING`,
    )
  }
})

interface Made {
  readonly mappings: number
  /** Tables that mappings with a way back fill; false where others fill them, too. */
  readonly tables: ReadonlyMap<string, boolean>
  /** Keys of such mappings that gave rows. */
  readonly keys: readonly string[]
}

const rowsOf = async (store: Store, table: string): Promise<readonly unknown[]> =>
  (await store.query(`SELECT x::text AS "row" FROM "${table}" x ORDER BY 1`)).map((one) => one.row)
