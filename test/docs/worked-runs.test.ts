import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { connect } from '../../src/runtime/connect.ts'
import type { Kvmig } from '../../src/runtime/kvmig.ts'
import { passDays } from '../phases/days.ts'
import { ran } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { freshRedis } from '../setup/redis.ts'
import { startReplit } from '../setup/replit-server.ts'
import { read } from './shipped-files.ts'

const root = join(import.meta.dirname, '../..')
/** A store of the section's own that holds the example's data. */
interface Store {
  readonly variables: Readonly<Record<string, string>>
  /** Its own client: what is in it, past kvmig. */
  readonly kv: object
  readonly redis?: Redis
}
interface Line {
  readonly key: string
  readonly type: string
  readonly value: string
  readonly expires_at: number | null
}

type Later = (work: () => unknown) => void

const lines = (example: string): readonly Line[] =>
  readFileSync(join(root, 'examples', example, 'kv.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map((it) => JSON.parse(it))

async function redisWith(later: Later, fill: (client: Redis) => Promise<unknown>): Promise<Store> {
  const redis = await freshRedis()
  later(() => redis.stop())
  await fill(redis.client)
  return { variables: { KV_URL: redis.url }, kv: redis.client, redis: redis.client }
}

const STORES: Readonly<Record<string, (later: Later) => Promise<Store>>> = {
  vibe: async (later) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvmig-worked-'))
    later(() => rmSync(folder, { recursive: true }))
    cpSync(join(root, 'examples/vibe/kv.rdb'), join(folder, 'kv.rdb'))
    const redis = await freshRedis({ arguments: ['--dir', folder, '--dbfilename', 'kv.rdb'] })
    later(() => redis.stop())
    return { variables: { KV_URL: redis.url }, kv: redis.client, redis: redis.client }
  },
  stackmemory: (later) =>
    redisWith(later, async (client) => {
      for (const { key, type, value, expires_at: at } of lines('stackmemory')) {
        if (type === 'string') await client.set(key, value)
        else
          await client.zadd(
            key,
            ...(value as unknown as [string, number][]).flatMap(([it, score]) => [score, it]),
          )
        if (at) await client.pexpireat(key, at)
      }
    }),
  '5ducks': async (later) => {
    const replit = await startReplit()
    later(() => replit.stop())
    for (const { key, value } of lines('5ducks')) replit.data.set(key, Buffer.from(value))
    return {
      variables: { KV_URL: 'replit:', REPLIT_DB_URL: replit.url },
      kv: {
        get: async (key: string) => replit.data.get(key)?.toString() ?? null,
        del: async (...keys: string[]) => keys.filter((it) => replit.data.delete(it)).length,
        keys: async () => [...replit.data.keys()],
      },
    }
  },
}

/** What a section of the page does, in its order. */
type Act =
  | { readonly kind: 'console' | 'js'; readonly text: string }
  | { readonly kind: 'later'; readonly days: number }

const sections = read('docs/worked-runs.md')
  .split(/^## /m)
  .slice(1)
  .flatMap((it) => {
    const example = /<!-- run: (\S+) -->/.exec(it)?.[1]
    if (!example) return []
    const acts = [...it.matchAll(/^```(console|js)\n(.*?)^```|^<!-- (\d+) days later -->/gms)].map(
      ([, kind, text, days]): Act =>
        kind ? { kind: kind as 'js', text: text! } : { kind: 'later', days: Number(days) },
    )
    return [{ example, acts }]
  })

test('there is a run for each of the three examples', () => {
  expect(sections.map((it) => it.example)).toEqual(['vibe', 'stackmemory', '5ducks'])
})

test.concurrent.for(sections)(
  '$example goes the way that the page shows',
  async ({ example, acts }, { onTestFinished }) => {
    const later: Later = (work) => onTestFinished(async () => void (await work()))
    const folder = mkdtempSync(join(tmpdir(), 'kvmig-worked-'))
    later(() => rmSync(folder, { recursive: true }))
    const project = example === 'vibe' ? root : join(root, 'examples', example)
    for (const it of ['migrations.yaml', 'plans'])
      cpSync(join(project, it), join(folder, it), { recursive: true })
    const database = await freshDatabase()
    later(() => database.drop())
    const store = await STORES[example]!(later)
    const variables = { ...store.variables, DATABASE_URL: database.url }
    const application = await startApplication(folder, variables, { store, database, later })
    later(() => application.kvmig.close())
    for (const act of acts) {
      if (act.kind === 'later') await passDays(act.days, database, store.redis)
      else if (act.kind === 'js') await application.run(act.text)
      else for (const command of act.text.split(/^(?=\$ )/m)) await runs(command, folder, variables)
    }
  },
)

/** `$ kvmig …`, lines of what it says in their order with `…` for those between, and `exit N` where that is not 0. */
async function runs(
  shown: string,
  folder: string,
  variables: Readonly<Record<string, string>>,
): Promise<void> {
  const [first, ...rest] = shown.trimEnd().split('\n')
  const args = first!.replace(/^\$ npx kvmig /, '').split(' ')
  const named = args.map((it) => globbed(it, folder))
  const { stdout, stderr, code } = await ran(folder, named, variables)
  if (process.env.KVMIG_TEST_SHOW) console.log(`${first}\n${stdout}--\n${stderr}exit ${code}`)
  const said = masked(`${stdout}\n${stderr}`).split('\n')
  const exit = Number(/^exit (\d+)$/.exec(rest.at(-1) ?? '')?.[1] ?? 0)
  const wanted = rest.filter((it) => it.trim() !== '' && it.trim() !== '…' && !/^exit \d+$/.test(it))
  let from = 0
  const missing = wanted.filter((it) => {
    const at = said.indexOf(masked(it), from)
    if (at >= 0) from = at + 1
    return at < 0
  })
  expect({ command: first, missing, exit: code, ...(missing.length > 0 ? { said } : {}) }).toEqual({
    command: first,
    missing: [],
    exit,
  })
}

/** Times, durations and addresses are others every time. */
const masked = (line: string): string =>
  line
    .replace(/\d{4}-\d\d-\d\d[T ][\d:.]+(Z|\+00)/g, 'TIME')
    .replace(/-\d{8}T\d{6}Z/g, '-STAMP')
    .replace(/\b\d+(\.\d+)? (ms|s|seconds?|minutes?|hours?)( \d+ (s|ms|seconds?))?\b/g, 'DURATION')
    .replace(/\b(redis|postgres):\/\/[^\s,;]+|replit:\S+?(?=[,;\s]|$)/g, '$1:ADDRESS')
    .replace(/ {2,}/g, '  ')
    .trimEnd()

/** As a shell does it: the one folder whose name begins so. */
function globbed(word: string, folder: string): string {
  if (!word.endsWith('*')) return word
  const found = readdirSync(join(folder, dirname(word))).find((it) =>
    it.startsWith(basename(word).slice(0, -1)),
  )
  return join(dirname(word), found!)
}

async function startApplication(
  folder: string,
  variables: Readonly<Record<string, string>>,
  {
    store,
    database,
    later,
  }: { readonly store: Store; readonly database: FreshDatabase; readonly later: Later },
): Promise<{ readonly kvmig: Kvmig; run(text: string): Promise<void> }> {
  let kvmig: Kvmig | undefined
  let client: Redis | undefined
  later(() => client?.disconnect())
  const open = async (): Promise<Kvmig> => {
    kvmig ??= await connect({ project: join(folder, 'migrations.yaml'), variables, instance: 'web-1' })
    return kvmig
  }
  return {
    get kvmig() {
      return { close: async () => kvmig?.close() } as Kvmig
    },
    run: async (text) => {
      const runtime = await open()
      if (store.redis) client ??= new Redis(variables.KV_URL!)
      const redis = client ? runtime.wrap(client) : undefined
      const sql = async (query: string) => (await database.query(query)).rows
      const body = text
        .split('\n')
        .filter((it) => !/^(import|const kvmig|const redis) /.test(it))
        .join('\n')
        .replace(/^(await .*?) {2,}\/\/ (.*)$/gm, (_, act, value) => `equal(${act}, ${value})`)
      const equal = (found: unknown, value: unknown) => expect(found).toEqual(value)
      const AsyncFunction = (async () => {}).constructor as new (
        ...texts: string[]
      ) => (...given: unknown[]) => Promise<void>
      await new AsyncFunction('kvmig', 'redis', 'kv', 'sql', 'equal', body)(
        runtime,
        redis,
        store.kv,
        sql,
        equal,
      )
    },
  }
}
