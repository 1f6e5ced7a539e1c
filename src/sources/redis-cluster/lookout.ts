import { SourceError } from '../../errors.ts'
import { explain } from '../redis/explain.ts'
import { MONOTONIC } from '../redis/pace.ts'
import type { ClusterAddress } from './address.ts'
import type { Nodes } from './nodes.ts'
import { SLOTS } from './slot.ts'
import { digestOf, type Node, readNodes, type Topology } from './topology.ts'

/** How often a cluster is looked at that is not as it should be, and how long to wait in between. */
export const LOOKS = 300
export const LOOK_MILLIS = 100

/** Knows who serves which slots. */
export class Lookout {
  readonly #address: ClusterAddress
  readonly #nodes: Nodes
  readonly #signal: AbortSignal
  #seen: Topology | undefined

  constructor(address: ClusterAddress, nodes: Nodes, signal: AbortSignal) {
    this.#address = address
    this.#nodes = nodes
    this.#signal = signal
  }

  /** As it was seen last. */
  get seen(): Topology | undefined {
    return this.#seen
  }

  /** As it is now, once all masters say the same; each knows best which of its own slots are on their way. */
  async look(): Promise<Topology> {
    for (let look = 0; ; look++) {
      const seen = await this.#ask()
      const missing = seen.owners.filter((it) => it === undefined).length
      const views = missing > 0 ? [] : await Promise.allSettled(seen.masters.map((it) => this.#view(it)))
      const known = views.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []))
      const isOne =
        known.length === seen.masters.length && known.every((it) => digestOf(it) === digestOf(seen))
      if (missing === 0 && isOne) {
        const moving = new Set(known.flatMap((it) => [...it.moving]))
        this.#seen = { ...seen, moving }
        return this.#seen
      }
      if (look === LOOKS) {
        const failure = views.find((it) => it.status === 'rejected')
        if (failure?.status === 'rejected') throw failure.reason
        throw new SourceError(
          'SOURCE_CLUSTER',
          `${this.#address.label} is not in order: ${missing > 0 ? `nobody serves ${missing} of its ${SLOTS} slots` : 'its masters disagree about who serves what'}.`,
          { hint: 'redis-cli --cluster check HOST:PORT says more.' },
        )
      }
      await this.rest()
    }
  }

  /** A moment until it is worth looking again. */
  rest(): Promise<void> {
    return MONOTONIC.sleep(LOOK_MILLIS, this.#signal)
  }

  // Whoever answers first, of those known and of those in the address.
  async #ask(): Promise<Topology> {
    let failure: unknown
    const seeds = this.#address.seeds.map(({ host, port }) => ({ id: `${host}:${port}`, host, port }))
    for (const it of [...(this.#seen?.masters ?? []), ...seeds]) {
      try {
        return await this.#view(it)
      } catch (error) {
        this.#signal.throwIfAborted()
        failure = error
      }
    }
    throw failure
  }

  async #view(node: Node): Promise<Topology> {
    const reply = await (await this.#nodes.master(node)).run('CLUSTER', 'NODES')
    if (!Buffer.isBuffer(reply)) throw explain(this.#address.label, reply)
    return readNodes(reply.toString(), node.host)
  }
}
