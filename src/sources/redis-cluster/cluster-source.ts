import { createHash } from 'node:crypto'
import { SourceError } from '../../errors.ts'
import type { Answer, Question } from '../question.ts'
import { LIMITS, type Limits } from '../redis/connection.ts'
import { mayPass } from '../redis/explain.ts'
import type { RedisSource } from '../redis/redis-source.ts'
import { together } from '../redis/server-facts.ts'
import type { Cursor, Page, Selection, Source, SourceContext } from '../source.ts'
import type { ClusterAddress } from './address.ts'
import { changed, restless } from './faults.ts'
import { LOOKS, Lookout } from './lookout.ts'
import { Nodes } from './nodes.ts'
import { Readers } from './readers.ts'
import { slotOf } from './slot.ts'
import { digestOf, movedBetween, type Node, type Topology } from './topology.ts'

type Context = Pick<SourceContext, 'signal' | 'perSecond' | 'allowance'>

/** How often slots are read again that have moved once more. */
const ROUNDS = 20

/**
 * A Redis Cluster that is open for reading: each master by itself. Slots that move while they are read are noticed, and read again where
 * they are then; a cluster whose masters change (a failover) is another one, and the scan begins anew. Where the address wants it, replicas
 * are scanned in place of their masters; whatever is asked by key is asked of the masters.
 */
export class ClusterSource implements Source {
  readonly label: string
  readonly #stop = new AbortController()
  readonly #nodes: Nodes
  readonly #lookout: Lookout
  /** Undefined: masters are scanned themselves. */
  readonly #readers: Readers | undefined
  /** Told which slots were not where they were looked for, one set for each scan or read under way. */
  readonly #watching = new Set<Set<number>>()
  #warnings: readonly string[] = []

  /** `looks`: how often a replica is asked whether it has caught up. */
  static async open(
    address: ClusterAddress,
    context: Context,
    limits: Limits = LIMITS,
    looks?: number,
  ): Promise<ClusterSource> {
    const source = new ClusterSource(address, context, limits, looks)
    try {
      const { masters } = await source.#lookout.look()
      source.#warnings = (await source.#readers?.warnings(masters)) ?? []
      return source
    } catch (error) {
      await source.close()
      throw error
    }
  }

  private constructor(address: ClusterAddress, context: Context, limits: Limits, looks: number | undefined) {
    this.label = address.label
    const signal = AbortSignal.any([context.signal, this.#stop.signal])
    const moved = (slot: number): void => {
      for (const it of this.#watching) it.add(slot)
    }
    this.#nodes = new Nodes(address, { ...context, signal }, { limits, moved })
    this.#lookout = new Lookout(address, this.#nodes, signal)
    if (address.byReplicas)
      this.#readers = new Readers(address, { nodes: this.#nodes, lookout: this.#lookout, looks })
  }

  get warnings(): readonly string[] {
    return this.#warnings
  }

  /** Those that are scanned, their run ids, and who has which slots. */
  async identity(): Promise<string> {
    const topology = await this.#lookout.look()
    const nodes = await Promise.all(topology.masters.map(async (it) => (await this.#scanned(it)).identity()))
    return `redis-cluster:${hash([digestOf(topology), ...nodes])}`
  }

  /** Entries master by master, in each one's own order; then those of slots that have moved meanwhile. */
  async *scan(selection: Selection, from: Cursor = '0:0'): AsyncGenerator<Page> {
    const [, first, within] = /^(\d{1,4}):(\d{1,20})$/.exec(from) ?? []
    if (from === END) return
    if (first === undefined)
      throw new SourceError(
        'SOURCE_CURSOR',
        `What was kept as the place in ${this.label} is no cursor of a Redis Cluster.`,
      )
    const before = this.#lookout.seen ?? (await this.#lookout.look())
    const moved = new Set<number>(before.moving)
    this.#watching.add(moved)
    try {
      for (let index = Number(first); index < before.masters.length; index++) {
        const start = index === Number(first) ? within! : '0'
        const master = before.masters[index]!
        const pages = this.#readers?.scan(master, selection, start) ?? this.#pages(master, selection, start)
        for await (const page of pages) {
          const { cursor, ...rest } = page
          if (cursor === undefined) yield page
          else if (cursor !== END) yield { ...rest, cursor: `${index}:${cursor}` }
          // Behind the last master is not the end: slots may have moved.
          else if (index + 1 < before.masters.length) yield { ...rest, cursor: `${index + 1}:0` }
          else yield rest
        }
      }
      yield* this.#readMoved(selection, before, moved)
      yield { entries: [], expired: 0, cursor: END }
    } finally {
      this.#watching.delete(moved)
    }
  }

  async *read(keys: readonly Buffer[]): AsyncGenerator<Page> {
    const moved = new Set<number>()
    this.#watching.add(moved)
    try {
      let left = keys
      for (let round = 0; left.length > 0; round++) {
        if (round === ROUNDS) throw restless(this.label)
        const topology =
          round === 0 ? (this.#lookout.seen ?? (await this.#lookout.look())) : await this.#settled(moved)
        moved.clear()
        for (const master of topology.masters) {
          const own = left.filter((key) => topology.owners[slotOf(key)] === master.id)
          if (own.length > 0) yield* (await this.#nodes.master(master)).read(own)
        }
        left = left.filter((key) => moved.has(slotOf(key)))
      }
    } finally {
      this.#watching.delete(moved)
    }
  }

  /** Every master is asked about its own keys; questions about slots that are on their way are asked again when they have arrived. */
  async ask(questions: readonly Question[]): Promise<readonly Answer[]> {
    const answers = new Map<Question, Answer>()
    let topology = this.#lookout.seen ?? (await this.#lookout.look())
    for (let round = 0; answers.size < questions.length; round++) {
      if (round === ROUNDS) throw restless(this.label)
      const moved = new Set<number>()
      for (const master of topology.masters) {
        const own = questions.filter(
          (it) => !answers.has(it) && topology.owners[slotOf(it.key)] === master.id,
        )
        if (own.length === 0) continue
        try {
          const given = await (await this.#nodes.master(master)).ask(own)
          for (const [place, it] of own.entries()) answers.set(it, given[place])
        } catch (error) {
          // MOVED, ASK and TRYAGAIN: one of the slots is at another node, or on its way.
          const isElsewhere =
            error instanceof SourceError && ['SOURCE_CLUSTER', 'SOURCE_BUSY'].includes(error.code)
          if (!isElsewhere) throw error
          for (const it of own) moved.add(slotOf(it.key))
        }
      }
      if (answers.size < questions.length) topology = await this.#settled(moved)
    }
    return questions.map((it) => answers.get(it))
  }

  async count(): Promise<number> {
    const counts = await this.#ofMasters((it) => it.count())
    return counts.reduce((sum, it) => sum + it, 0)
  }

  async clocks(): Promise<readonly number[]> {
    return (await this.#ofMasters((it) => it.clocks())).flat()
  }

  async calls(): Promise<ReadonlyMap<string, number>> {
    return together(await this.#ofMasters((it) => it.calls()))
  }

  commands(): number {
    return this.#nodes.commands()
  }

  /** At once; what is under way rejects with SourceError SOURCE_CLOSED. */
  async close(): Promise<void> {
    this.#stop.abort(new SourceError('SOURCE_CLOSED', `${this.label} was closed while it was being read.`))
    await this.#nodes.close()
  }

  async #ofMasters<T>(ask: (master: RedisSource) => Promise<T>): Promise<readonly T[]> {
    const { masters } = await this.#lookout.look()
    return Promise.all(masters.map(async (it) => ask(await this.#nodes.master(it))))
  }

  async *#pages(master: Node, selection: Selection, from: Cursor): AsyncGenerator<Page> {
    try {
      yield* (await this.#nodes.master(master)).scan(selection, from)
    } catch (error) {
      if (mayPass(error) && (await this.#isAnother())) throw changed(this.label)
      throw error
    }
  }

  async #scanned(master: Node): Promise<RedisSource> {
    return this.#readers ? (await this.#readers.of(master)).source : this.#nodes.master(master)
  }

  // Slots that have moved are read where they are now, until none has moved meanwhile; at the masters: their replicas may not have them yet.
  async *#readMoved(selection: Selection, before: Topology, moved: Set<number>): AsyncGenerator<Page> {
    let last = before
    for (let round = 0; ; round++) {
      if (round === ROUNDS) throw restless(this.label)
      const now = await this.#settled(moved)
      for (const slot of movedBetween(last, now)) moved.add(slot)
      if (moved.size === 0) return
      const slots = new Set(moved)
      moved.clear()
      last = now
      const again: Selection = {
        prefix: selection.prefix,
        want: (key) => (slots.has(slotOf(key)) ? selection.want(key) : 'nothing'),
      }
      const owners = new Set([...slots].map((slot) => now.owners[slot]))
      for (const master of now.masters) {
        if (!owners.has(master.id)) continue
        for await (const { entries, expired } of this.#pages(master, again, '0')) yield { entries, expired }
      }
    }
  }

  /** Who has what, once none of these slots is between two nodes, and all nodes say the same. */
  async #settled(slots: ReadonlySet<number>): Promise<Topology> {
    for (let look = 0; look < LOOKS; look++) {
      const topology = await this.#lookout.look()
      for (const slot of topology.moving) for (const it of this.#watching) it.add(slot)
      if (![...slots].some((slot) => topology.moving.has(slot))) return topology
      await this.#lookout.rest()
    }
    throw restless(this.label)
  }

  async #isAnother(): Promise<boolean> {
    const before = this.#lookout.seen
    const now = await this.#lookout.look()
    return before !== undefined && now.masters.some((it) => !before.masters.some(({ id }) => id === it.id))
  }
}

const END: Cursor = 'end'

const hash = (words: readonly string[]): string =>
  createHash('sha256').update(words.join('\n')).digest('hex').slice(0, 32)
