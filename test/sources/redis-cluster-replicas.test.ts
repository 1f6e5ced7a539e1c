import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { LIMITS } from '../../src/sources/redis/connection.ts'
import { parseClusterAddress } from '../../src/sources/redis-cluster/address.ts'
import { ClusterSource } from '../../src/sources/redis-cluster/cluster-source.ts'
import { cluster } from '../../src/sources/redis-cluster.ts'
import type { Entry } from '../../src/sources/source.ts'
import type { FreshRedis } from '../setup/redis.ts'
import { type FreshCluster, freshCluster } from '../setup/redis-cluster.ts'
import { describeSource } from './conformance.ts'
import { byKey, entriesOf, pagesOf, string } from './entries.ts'

// The first of three masters has a replica; the others are read themselves.
let servers: FreshCluster
let master: FreshRedis
let replica: FreshRedis
beforeAll(async () => {
  servers = await freshCluster(1)
  master = servers.nodes[0]!
  replica = servers.nodes[3]!
})
afterAll(() => servers.stop())

const url = (): string => `${servers.url}?read=replicas`

describeSource({
  name: 'a cluster, by its replicas',
  adapter: cluster,
  reached: { not: 'its nodes name each other by their own ports; each is read as a single Redis is' },
  start: async (entries) => {
    await servers.flush()
    // Nobody waits here until the replica has them: the source does.
    await servers.write(entries)
    return { open: (context) => cluster.open(url(), context), stop: async () => {} }
  },
})

const EVERYTHING = { prefix: Buffer.alloc(0), want: () => 'entry' as const }
const MANY: readonly Entry[] = Array.from({ length: 2000 }, (_, it) => string(`k:${it}`, String(it)))
const signal = new AbortController().signal

const opened: ClusterSource[] = []
const open = async (looks?: number): Promise<ClusterSource> => {
  const source = await ClusterSource.open(
    parseClusterAddress(url(), '/'),
    { signal },
    { ...LIMITS, attempts: 2, longestWaitMillis: 20 },
    looks,
  )
  opened.push(source)
  return source
}
afterEach(async () => {
  for (const it of opened.splice(0)) await it.close()
})

const scansOf = async ({ client }: FreshRedis): Promise<number> =>
  Number(/cmdstat_scan:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0)
const getsOf = async ({ client }: FreshRedis): Promise<number> => {
  const calls = (await client.info('commandstats')).matchAll(/cmdstat_m?get:calls=(\d+)/g)
  return [...calls].reduce((sum, [, count]) => sum + Number(count), 0)
}

const isLinked = async (): Promise<boolean> =>
  (await replica.client.info('replication')).includes('master_link_status:up')

/** The replica gets nothing more of its master, until `work` is done. */
async function apart(work: () => Promise<void>): Promise<void> {
  await master.client.call('ACL', 'SETUSER', 'default', '-psync', '-sync')
  try {
    await master.client.call('CLIENT', 'KILL', 'TYPE', 'replica')
    await expect.poll(isLinked, { timeout: 10_000 }).toBe(false)
    await work()
  } finally {
    await master.client.call('ACL', 'SETUSER', 'default', '+@all')
    await expect.poll(isLinked, { timeout: 20_000 }).toBe(true)
  }
}

test('scans the replica and leaves its master alone; what is asked by key is asked of the master', async () => {
  await servers.flush()
  await servers.write(MANY)
  const source = await open()
  const before = [await scansOf(master), await scansOf(replica)]
  expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(MANY))
  expect(await scansOf(master)).toBe(before[0])
  expect(await scansOf(replica)).toBeGreaterThan(before[1]!)
  const gets = [await getsOf(master), await getsOf(replica)]
  expect(byKey(await entriesOf(source.read(MANY.map(({ key }) => key))))).toEqual(byKey(MANY))
  expect(await getsOf(replica)).toBe(gets[1])
  expect(await getsOf(master)).toBeGreaterThan(gets[0]!)
})

test('says how far behind replicas are, and which masters have none', async () => {
  const source = await open()
  expect(source.warnings).toEqual([
    expect.stringMatching(/is read by its replicas, at most [\d,]+ bytes behind their masters just now/),
    expect.stringMatching(/^2 of 3 masters of .* have no replica, and are read themselves\.$/),
  ])
  expect((await cluster.open(servers.url, { root: '/', signal })).warnings ?? []).toEqual([])
})

test('waits for a replica that is behind, and misses nothing that its master had', async () => {
  await servers.flush()
  await servers.write(MANY.slice(0, 1000))
  const source = await open()
  let scanning: Promise<Entry[]> | undefined
  await apart(async () => {
    await servers.write(MANY.slice(1000))
    scanning = entriesOf(source.scan(EVERYTHING))
    scanning.catch(() => {})
  })
  expect(byKey(await scanning!)).toEqual(byKey(MANY))
})

test('refuses a replica that does not catch up, and says by how much', async () => {
  const source = await open(2)
  await apart(async () => {
    await servers.write(MANY)
    await expect(pagesOf(source.scan(EVERYTHING))).rejects.toMatchObject({
      code: 'SOURCE_STALE',
      message: expect.stringMatching(
        /does not catch up: it is [\d,]+ bytes behind its master, and has lost it/,
      ),
    })
  })
})

test.each(['', '?read=masters', '?read=replicas&x=1', '?read=replicas&read=x'])(
  'redis+cluster://h%s: only replicas can be asked for',
  (options) => {
    const read = () => parseClusterAddress(`redis+cluster://u:s3cret@h${options}`, '/')
    if (options === '') expect(read().byReplicas).toBe(false)
    else expect(read).toThrow('cannot be read')
  },
)

// The last one: the replica does not come back.
test('a replica that is gone makes another store of it, in which its master is read', async () => {
  await servers.flush()
  await servers.write(MANY)
  const source = await open()
  const before = await source.identity()
  let pages = 0
  const scanning = (async () => {
    for await (const _ of source.scan(EVERYTHING)) if (++pages === 1) await replica.kill()
  })()
  // Where its turn was over already, nothing is missing.
  const ending = await scanning.then(
    () => 'whole',
    (error: { code?: string }) => error.code,
  )
  expect(['whole', 'SOURCE_CHANGED']).toContain(ending)
  const again = await open()
  expect(await again.identity()).not.toBe(before)
  expect(byKey(await entriesOf(again.scan(EVERYTHING)))).toEqual(byKey(MANY))
}, 60_000)
