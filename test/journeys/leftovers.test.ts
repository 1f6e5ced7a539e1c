import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startChroma } from '../setup/chroma-server.ts'
import { projectFolder } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { startReplit } from '../setup/replit-server.ts'
import { runCli } from '../setup/run-cli.ts'
import { openWritable } from '../setup/sqlite.ts'
import { startUpstash } from '../setup/upstash-server.ts'

/** A store with something in it, and what leftovers have to hold of it: key, part, type, and the value as text. */
interface Store {
  readonly address: string
  readonly variables?: Readonly<Record<string, string>>
  readonly rows: readonly (readonly [key: string, part: string, type: string, value: string | null])[]
  stop(): Promise<void> | void
}

let redis: FreshRedis
let database: FreshDatabase
beforeAll(async () => {
  redis = await freshRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => {
  database = await freshDatabase()
  return () => database.drop()
})

async function fillRedis(): Promise<Store['rows']> {
  const { client } = redis
  await client.flushall()
  await client.set('a:b', 'text')
  await client.hset('h', { f: 'one' })
  await client.rpush('l', 'x', 'x')
  await client.xadd('s', '1-1', 'a', 'b')
  return [
    ['a:b', '', 'string', 'text'],
    ['h', 'f', 'hash', 'one'],
    ['l', '0', 'list', 'x'],
    ['l', '1', 'list', 'x'],
    ['s', '1-1', 'stream', '{"a": "b"}'],
  ]
}

const STORES: Readonly<Record<string, (folder: string) => Promise<Store>>> = {
  redis: async () => ({ address: redis.url, rows: await fillRedis(), stop: () => {} }),
  upstash: async () => {
    const rows = await fillRedis()
    const server = await startUpstash(redis.port)
    return {
      address: 'upstash:',
      variables: { UPSTASH_REDIS_REST_URL: server.url, UPSTASH_REDIS_REST_TOKEN: server.token },
      rows,
      stop: server.stop,
    }
  },
  replit: async () => {
    const server = await startReplit()
    server.data.set('user 1/ä', Buffer.from('"raw"'))
    return {
      address: 'replit:',
      variables: { REPLIT_DB_URL: server.url },
      rows: [['user 1/ä', '', 'string', '"raw"']],
      stop: server.stop,
    }
  },
  sqlite: async (folder) => {
    const db = await openWritable(join(folder, 'app.db'))
    db.exec('CREATE TABLE t (a INTEGER, b TEXT, PRIMARY KEY (a, b)); CREATE TABLE bare (x BLOB)')
    db.run('INSERT INTO t VALUES (?, ?)', [9007199254740993n, 'k:1'])
    db.run('INSERT INTO bare VALUES (?)', [Buffer.from([255])])
    db.close()
    return {
      address: 'sqlite:./app.db',
      rows: [
        ['bare:1', '', 'string', '{"x":"/w=="}'],
        ['t:9007199254740993:k%3A1', '', 'string', '{"a":9007199254740993,"b":"k:1"}'],
      ],
      stop: () => {},
    }
  },
  chroma: async () => {
    const server = await startChroma()
    server.add('docs', [{ id: 'd:1', document: 'hello', embedding: '[0.5,-1]', metadata: '{"page":3}' }])
    return {
      address: `chroma+${server.url}`,
      rows: [
        [
          'docs:d:1',
          '',
          'string',
          '{"id":"d:1","document":"hello","embedding":[0.5,-1],"metadata":{"page":3},"uri":null}',
        ],
      ],
      stop: server.stop,
    }
  },
}

test.each(Object.keys(STORES))('everything of %s may go to the leftovers, byte for byte', async (name) => {
  const project = projectFolder({
    'migrations.yaml': 'version: 1\nsources: { kv: "${KV}" }\ntarget: ${DATABASE_URL}\n',
    'plans/rest.yaml': "version: 1\nplan: rest\nmappings: [{ match: '{_:rest}', into: kvmig.leftovers }]\n",
  })
  const store = await STORES[name]!(project.path)
  const run = (...argv: string[]) =>
    runCli(argv, {
      cwd: project.path,
      env: { ...store.variables, KV: store.address, DATABASE_URL: database.url },
    })
  try {
    const { code, stdout, stderr } = await run('apply', '--phase=A', '--yes')
    expect(`${code} ${stdout}${stderr}`).toMatch(/^0 /)
    const { rows } = await database.query(
      "select key, part, type, coalesce(convert_from(value, 'UTF8'), fields::text) as value from kvmig.leftovers order by 1, 2",
    )
    expect(rows.map((it) => [it.key, it.part, it.type, it.value])).toEqual(store.rows)
    expect((await run('diff')).code).toBe(0)
    expect((await run('rollback', '--yes')).code).toBe(0)
    expect((await database.query("select to_regclass('kvmig.leftovers') as it")).rows).toEqual([{ it: null }])
  } finally {
    project.remove()
    await store.stop()
  }
})
