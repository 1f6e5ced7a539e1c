import type { RedisAddress } from '../redis/address.ts'
import type { Limits } from '../redis/connection.ts'
import { RedisSource } from '../redis/redis-source.ts'
import type { SourceContext } from '../source.ts'
import type { ClusterAddress } from './address.ts'
import type { Node } from './topology.ts'

/** The connections to the nodes of a cluster, each made when it is first wanted. */
export class Nodes {
  readonly #address: ClusterAddress
  readonly #context: Pick<SourceContext, 'signal' | 'perSecond' | 'allowance'>
  readonly #limits: Limits
  readonly #moved: (slot: number) => void
  readonly #opening = new Map<string, Promise<RedisSource>>()
  readonly #open = new Set<RedisSource>()

  /** `moved` is told which slots were not where they were looked for. */
  constructor(
    address: ClusterAddress,
    context: Pick<SourceContext, 'signal' | 'perSecond' | 'allowance'>,
    { limits, moved }: { readonly limits: Limits; readonly moved: (slot: number) => void },
  ) {
    this.#address = address
    this.#context = context
    this.#limits = limits
    this.#moved = moved
  }

  master(node: Node): Promise<RedisSource> {
    return this.#node(node, false)
  }

  replica(node: Node): Promise<RedisSource> {
    return this.#node(node, true)
  }

  commands(): number {
    return [...this.#open].reduce((sum, it) => sum + it.commands(), 0)
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#open].map((it) => it.close()))
  }

  #node({ id, host, port }: Node, isReplica: boolean): Promise<RedisSource> {
    const name = `${id} ${host}:${port} ${isReplica}`
    const known = this.#opening.get(name)
    if (known) return known
    const seed = this.#address.seeds[0]!
    const label = `${seed.tls ? 'rediss' : 'redis'}://${host}:${port}/0`
    const address: RedisAddress = { ...seed, host, port, label }
    const cluster = { moved: this.#moved, isReplica }
    const opened = RedisSource.open(address, this.#context, this.#limits, cluster).then((it) => {
      this.#open.add(it)
      return it
    })
    this.#opening.set(name, opened)
    // One that could not be reached may be there next time.
    opened.catch(() => this.#opening.delete(name))
    return opened
  }
}
