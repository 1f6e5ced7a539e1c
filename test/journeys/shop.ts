import type { Redis } from 'ioredis'
import { type Ended, kvmig, projectFolder, type Running, ran } from '../setup/cli.ts'
import { freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'

/** A small project with a bit of everything that can go wrong half-way: two tables, a reference, dirt, orphans, several batches. */
export const SHOP: Readonly<Record<string, string>> = {
  'migrations.yaml': `version: 1
sources: { kv: "\${KV_URL}" }
target: \${DATABASE_URL}
plans: plans/*.yaml
ephemeral: [{ match: 'session:{_}', because: people sign in again }]
`,
  'plans/customers.yaml': `version: 1
plan: customers
mappings:
  - match: customer:{id:int}
    type: hash
    into: customers
    fields: { id: $id, name: name, since: since | epoch_s }
  - match: client:{id:int}                  # the layout before: some are in both
    type: string
    decode: json
    into: customers
    fields: { id: $id, name: name, since: since | epoch_s }
accept:
  - { code: CONFLICT, match: 'customer:{_}', because: moved by hand and then edited in both places }
  - { code: CONFLICT, match: 'client:{_}', because: moved by hand and then edited in both places }
tables:
  customers:
    columns: { id: bigint, name: text not null, since: timestamptz not null }
    primary_key: [id]
`,
  'plans/orders.yaml': `version: 1
plan: orders
mappings:
  - match: order:{id}
    type: string
    decode: json
    into: orders
    fields: { id: $id, customer: customer, total: total, note: note }
  - match: order:{id}
    type: string
    decode: json
    each: lines
    into: lines
    key: [order_id, position]
    fields: { order_id: $id, position: $index, sku: sku, amount: amount }
tables:
  orders:
    columns: { id: text, customer: bigint not null, total: 'numeric(12,2) not null', note: text }
    primary_key: [id]
    indexes: { orders_customer: [customer] }
    references: [{ columns: [customer], to: customers(id) }]
  lines:
    columns: { order_id: text, position: integer, sku: text not null, amount: integer not null }
    primary_key: [order_id, position]
accept:
  - { code: ORPHAN, match: 'order:{_}', because: the customer asked to be forgotten }
  - { code: TYPE_MISMATCH, match: 'order:{_}', because: test orders of the first week }
`,
}

export const ORDERS = 1_200

/** Fills a store: customers 1–100 and, in an older layout, 91–102; orders of customers 1–103 (so that some are orphans), every 97th with a total that is no number. */
export async function fillShop(client: Redis): Promise<void> {
  const pipeline = client.pipeline()
  for (let id = 1; id <= 100; id++)
    pipeline.hset(`customer:${id}`, { name: `Ann ${id}`, since: String(1_700_000_000 + id) })
  for (let id = 91; id <= 102; id++)
    pipeline.set(`client:${id}`, JSON.stringify({ name: `Old Ann ${id}`, since: 1_600_000_000 }))
  for (let id = 0; id < ORDERS; id++) {
    const order = {
      customer: (id % 103) + 1,
      total: id % 97 === 0 ? 'free' : id / 4,
      note: id % 5 === 0 ? null : `note ${id} ✓`,
      lines: [
        { sku: `s${id}`, amount: 1 },
        { sku: 'bag', amount: id % 7 },
      ],
    }
    pipeline.set(`order:${id.toString(36)}`, JSON.stringify(order))
  }
  for (let id = 0; id < 20; id++) pipeline.set(`session:${id}`, 'x', 'EX', 3600)
  await pipeline.exec()
}

/** Everything that a run leaves behind and that must not depend on how it went: rows, and the quarantine. */
export async function contents(database: Queryable): Promise<Record<string, unknown>> {
  const tables = ['customers', 'orders', 'lines']
  const found: Record<string, unknown> = {}
  for (const table of tables) {
    const { rows } = await database.query(
      `select count(*)::int as rows, md5(string_agg(t::text, E'\\n' order by t::text)) as digest from ${table} t`,
    )
    found[table] = rows[0]
  }
  const { rows } = await database.query(
    `select plan, mapping, convert_from(key, 'UTF8') as key, part, code from kvmig.quarantine order by 1, 2, 3, 4`,
  )
  found.quarantine = rows
  const { rows: constraints } = await database.query(
    `select conname, convalidated from pg_constraint where contype <> 'n' and connamespace = 'public'::regnamespace order by 1`,
  )
  found.constraints = constraints
  return found
}

/** Whatever answers SQL: a database of the tests' server, or an embedded one. */
export interface Queryable {
  query(sql: string): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>
}

/** The shop's store and its project, for runs of the program against any number of targets. */
export interface Shop {
  readonly redis: FreshRedis
  readonly project: { readonly path: string; remove(): void }
  /** Variables of a run into this target. */
  environment(target: string): Readonly<Record<string, string>>
  /** In a process of its own. */
  start(args: readonly string[], target: string, more?: Readonly<Record<string, string>>): Running
  run(args: readonly string[], target: string, more?: Readonly<Record<string, string>>): Promise<Ended>
  /** With the files of another project. */
  runIn(project: string, args: readonly string[], target: string): Promise<Ended>
  close(): Promise<void>
}

export const APPLY: readonly string[] = ['apply', '--phase=A', '--yes', '--batch', '300']

export async function openShop(files: Readonly<Record<string, string>> = SHOP): Promise<Shop> {
  const redis = await freshRedis()
  await fillShop(redis.client)
  const project = projectFolder(files)
  const environment = (target: string) => ({
    KV_URL: redis.url,
    DATABASE_URL: target,
    KVMIG_LEASE_SECONDS: '2',
  })
  const start: Shop['start'] = (args, target, more = {}) =>
    kvmig(project.path, args, { ...environment(target), ...more })
  return {
    redis,
    project,
    environment,
    start,
    run: (args, target, more = {}) => ran(project.path, args, { ...environment(target), ...more }),
    runIn: (path, args, target) => ran(path, args, environment(target)),
    close: async () => {
      project.remove()
      await redis.stop()
    },
  }
}

/** What an undisturbed run gives. */
export async function undisturbed(shop: Shop): Promise<Record<string, unknown>> {
  const database = await freshDatabase()
  try {
    const ended = await shop.run(APPLY, database.url)
    if (ended.code !== 0) throw new Error(ended.stderr + ended.stdout)
    return await contents(database)
  } finally {
    await database.drop()
  }
}
