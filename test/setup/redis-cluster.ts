import type { Redis } from 'ioredis'
import { SLOTS, slotOf } from '../../src/sources/redis-cluster/slot.ts'
import type { Entry } from '../../src/sources/source.ts'
import { writeEntries } from '../sources/redis-commands.ts'
import { isBeforeSeven } from '../sources/server-version.ts'
import { freePort } from './postgres-server.ts'
import { type FreshRedis, freshRedis } from './redis.ts'

/** A Redis Cluster of real servers. */
export interface FreshCluster {
  /** `redis+cluster://127.0.0.1:…`, by its first node. */
  readonly url: string
  /** Masters first, a third of the slots each, in their order. */
  readonly nodes: readonly FreshRedis[]
  /** Writes entries, each where its slot is in the beginning. */
  write(entries: readonly Entry[]): Promise<void>
  /** Gives slots to another master, with their keys; `open` leaves them between the two. */
  move(slots: readonly number[], from: number, to: number, open?: 'open'): Promise<void>
  /** Ends what `open` began. */
  settle(slots: readonly number[], from: number, to: number): Promise<void>
  flush(): Promise<void>
  stop(): Promise<void>
}

const MASTERS = 3

/** Three masters, and so many replicas of the first. */
export async function freshCluster(replicas = 0): Promise<FreshCluster> {
  const nodes: FreshRedis[] = []
  for (let index = 0; index < MASTERS + replicas; index++) {
    const node = await startNode()
    nodes.push(node.server)
    // Others have to be told the port of the bus as well.
    buses.set(node.server, node.bus)
  }
  const masters = nodes.slice(0, MASTERS)
  // Without epochs of their own, nodes that are told different things would never agree.
  for (const [index, { client }] of nodes.entries())
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
  for (const [index, { client }] of masters.entries())
    await client.call('CLUSTER', 'ADDSLOTS', ...slotsFrom(firstOf(index), firstOf(index + 1)))
  for (const node of nodes.slice(1))
    await nodes[0]!.client.call('CLUSTER', 'MEET', '127.0.0.1', String(node.port), buses.get(node)!)
  const ids = await Promise.all(nodes.map(({ client }) => idOf(client)))
  await until(nodes, async ({ client }) => (await nodesOf(client)).length === nodes.length)
  for (const { client } of nodes.slice(MASTERS)) await client.call('CLUSTER', 'REPLICATE', ids[0]!)
  await until(nodes, async ({ client }) =>
    /cluster_state:ok/.test(String(await client.call('CLUSTER', 'INFO'))),
  )
  await until(
    nodes,
    async ({ client }) => (await nodesOf(client)).filter((it) => it.includes('slave')).length === replicas,
  )

  return {
    url: `redis+cluster://127.0.0.1:${nodes[0]!.port}`,
    nodes,
    write: async (entries) => {
      const owners = new Map<number, FreshRedis>()
      for (const slot of new Set(entries.map(({ key }) => slotOf(key))))
        owners.set(slot, masters[indexOf(slot)]!)
      for (const node of masters)
        await writeEntries(
          node.client,
          entries.filter(({ key }) => owners.get(slotOf(key)) === node),
        )
    },
    move: async (slots, from, to, open) => {
      const [source, target] = [masters[from]!, masters[to]!]
      for (const slot of slots) {
        await target.client.call('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', ids[from]!)
        await source.client.call('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', ids[to]!)
        const keys = (await source.client.callBuffer(
          'CLUSTER',
          'GETKEYSINSLOT',
          String(slot),
          '10000',
        )) as Buffer[]
        if (keys.length > 0)
          await source.client.call(
            'MIGRATE',
            '127.0.0.1',
            String(target.port),
            '',
            '0',
            '5000',
            'KEYS',
            ...keys,
          )
      }
      if (!open) await settle(slots, to)
    },
    settle: (slots, _from, to) => settle(slots, to),
    flush: async () => {
      for (const { client } of masters) await client.flushall()
    },
    stop: async () => {
      for (const node of nodes) await node.stop()
    },
  }

  async function settle(slots: readonly number[], to: number): Promise<void> {
    for (const slot of slots)
      for (const { client } of [masters[to]!, ...masters.filter((_, index) => index !== to)])
        await client.call('CLUSTER', 'SETSLOT', String(slot), 'NODE', ids[to]!)
    const views = () =>
      Promise.all(masters.map(async ({ client }) => (await nodesOf(client)).map(slotsOf).sort().join('\n')))
    while (new Set(await views()).size > 1) await masters[0]!.client.ping()
  }
}

async function startNode(): Promise<{ readonly server: FreshRedis; readonly bus: string }> {
  if (!isBeforeSeven()) {
    const bus = String(await freePort())
    return { server: await freshRedis({ arguments: [...NODE, '--cluster-port', bus] }), bus }
  }
  // There the bus is ten thousand ports further on, where one may not be free, or there may be none.
  for (let left = 20; ; left--) {
    try {
      const server = await freshRedis({ arguments: NODE })
      return { server, bus: String(server.port + 10_000) }
    } catch (error) {
      if (left === 0) throw error
    }
  }
}

const NODE = [
  '--cluster-enabled',
  'yes',
  '--cluster-node-timeout',
  '1000',
  '--cluster-replica-validity-factor',
  '0',
  '--repl-diskless-sync-delay',
  '0',
]

const slotsFrom = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from }, (_, at) => String(from + at))
const buses = new WeakMap<FreshRedis, string>()
const firstOf = (index: number): number => Math.floor((index * SLOTS) / MASTERS)
const indexOf = (slot: number): number => [0, 1, 2].findLast((index) => firstOf(index) <= slot)!

const idOf = async (client: Redis): Promise<string> => String(await client.call('CLUSTER', 'MYID'))
const nodesOf = async (client: Redis): Promise<string[]> =>
  String(await client.call('CLUSTER', 'NODES'))
    .trim()
    .split('\n')

// `id slots…`, without what is on its way.
const slotsOf = (line: string): string =>
  [
    line.split(' ')[0],
    ...line
      .split(' ')
      .slice(8)
      .filter((it) => !it.startsWith('[')),
  ].join(' ')

async function until(
  nodes: readonly FreshRedis[],
  holds: (node: FreshRedis) => Promise<boolean>,
): Promise<void> {
  for (const node of nodes) while (!(await holds(node))) await node.client.ping()
}
