import { createHash } from 'node:crypto'
import { SourceError } from '../../errors.ts'
import type { Answer, Question } from '../question.ts'
import type { RedisAddress } from '../redis/address.ts'
import { LIMITS, type Limits } from '../redis/connection.ts'
import { explain, mayPass } from '../redis/explain.ts'
import { MONOTONIC } from '../redis/pace.ts'
import { RedisSource } from '../redis/redis-source.ts'
import type { Cursor, Page, Selection, Source, SourceContext } from '../source.ts'
import type { ClusterAddress } from './address.ts'
import { SLOTS, slotOf } from './slot.ts'
import { digestOf, type Master, movedBetween, readNodes, type Topology } from './topology.ts'

type Context = Pick<SourceContext, 'signal' | 'perSecond' | 'allowance'>

/** How often it is looked whether slots have arrived, and how long to wait in between. */
const LOOKS = 300
const LOOK_MILLIS = 100
/** How often slots are read again that have moved once more. */
const ROUNDS = 20

/**
 * A Redis Cluster that is open for reading: each master by itself. Slots that move while they are read are noticed, and read again where
 * they are then; a cluster whose masters change (a failover) is another one, and the scan begins anew.
 */
export class ClusterSource implements Source {
  readonly label: string
  readonly #address: ClusterAddress
  readonly #context: Context
  readonly #limits: Limits
  readonly #stop = new AbortController()
  readonly #nodes = new Map<string, Promise<RedisSource>>()
  /** Told which slots were not where they were looked for, one set for each scan or read under way. */
  readonly #watching = new Set<Set<number>>()
  readonly #open = new Set<RedisSource>()
  #topology: Topology | undefined

  static async open(
    address: ClusterAddress,
    context: Context,
    limits: Limits = LIMITS,
  ): Promise<ClusterSource> {
    const source = new ClusterSource(address, context, limits)
    try {
      await source.#look()
      return source
    } catch (error) {
      await source.close()
      throw error
    }
  }

  private constructor(address: ClusterAddress, context: Context, limits: Limits) {
    this.label = address.label
    this.#address = address
    this.#limits = limits
    this.#context = { ...context, signal: AbortSignal.any([context.signal, this.#stop.signal]) }
  }

  /** The masters, their run ids, and who has which slots. */
  async identity(): Promise<string> {
    const topology = await this.#look()
    const nodes = await Promise.all(topology.masters.map(async (it) => (await this.#node(it)).identity()))
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
    const before = this.#topology ?? (await this.#look())
    const moved = new Set<number>(before.moving)
    this.#watching.add(moved)
    try {
      for (let index = Number(first); index < before.masters.length; index++) {
        const start = index === Number(first) ? within! : '0'
        for await (const page of this.#pages(before.masters[index]!, selection, start)) {
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
        if (round === ROUNDS) throw this.#restless()
        const topology = round === 0 ? (this.#topology ?? (await this.#look())) : await this.#settled(moved)
        moved.clear()
        for (const master of topology.masters) {
          const own = left.filter((key) => topology.owners[slotOf(key)] === master.id)
          if (own.length > 0) yield* (await this.#node(master)).read(own)
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
    let topology = this.#topology ?? (await this.#look())
    for (let round = 0; answers.size < questions.length; round++) {
      if (round === ROUNDS) throw this.#restless()
      const moved = new Set<number>()
      for (const master of topology.masters) {
        const own = questions.filter(
          (it) => !answers.has(it) && topology.owners[slotOf(it.key)] === master.id,
        )
        if (own.length === 0) continue
        try {
          const given = await (await this.#node(master)).ask(own)
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
    const { masters } = await this.#look()
    const counts = await Promise.all(masters.map(async (it) => (await this.#node(it)).count()))
    return counts.reduce((sum, it) => sum + it, 0)
  }

  commands(): number {
    return [...this.#open].reduce((sum, it) => sum + it.commands(), 0)
  }

  /** At once; what is under way rejects with SourceError SOURCE_CLOSED. */
  async close(): Promise<void> {
    this.#stop.abort(new SourceError('SOURCE_CLOSED', `${this.label} was closed while it was being read.`))
    await Promise.allSettled([...this.#open].map((it) => it.close()))
  }

  async *#pages(master: Master, selection: Selection, from: Cursor): AsyncGenerator<Page> {
    try {
      yield* (await this.#node(master)).scan(selection, from)
    } catch (error) {
      if (mayPass(error) && (await this.#isAnother())) throw this.#changed()
      throw error
    }
  }

  // Slots that have moved are read where they are now, until none has moved while that was done.
  async *#readMoved(selection: Selection, before: Topology, moved: Set<number>): AsyncGenerator<Page> {
    let last = before
    for (let round = 0; ; round++) {
      if (round === ROUNDS) throw this.#restless()
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
      const topology = await this.#look()
      for (const slot of topology.moving) for (const it of this.#watching) it.add(slot)
      if (![...slots].some((slot) => topology.moving.has(slot))) return topology
      await MONOTONIC.sleep(LOOK_MILLIS, this.#context.signal)
    }
    throw this.#restless()
  }

  // Asks every master: each knows best which of its own slots are on their way.
  async #look(): Promise<Topology> {
    for (let look = 0; ; look++) {
      const seen = await this.#ask()
      const missing = seen.owners.filter((it) => it === undefined).length
      const views = missing > 0 ? [] : await Promise.allSettled(seen.masters.map((it) => this.#view(it)))
      const known = views.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []))
      const isOne =
        known.length === seen.masters.length && known.every((it) => digestOf(it) === digestOf(seen))
      if (missing === 0 && isOne) {
        const moving = new Set(known.flatMap((it) => [...it.moving]))
        this.#topology = { ...seen, moving }
        return this.#topology
      }
      if (look === LOOKS) {
        const failure = views.find((it) => it.status === 'rejected')
        if (failure?.status === 'rejected') throw failure.reason
        throw new SourceError(
          'SOURCE_CLUSTER',
          `${this.label} is not in order: ${missing > 0 ? `nobody serves ${missing} of its ${SLOTS} slots` : 'its masters disagree about who serves what'}.`,
          { hint: 'redis-cli --cluster check HOST:PORT says more.' },
        )
      }
      await MONOTONIC.sleep(LOOK_MILLIS, this.#context.signal)
    }
  }

  // Whoever answers first, of those known and of those in the address.
  async #ask(): Promise<Topology> {
    let failure: unknown
    for (const it of this.#topology?.masters ?? []) {
      try {
        return await this.#view(it)
      } catch (error) {
        this.#context.signal.throwIfAborted()
        failure = error
      }
    }
    for (const { host, port } of this.#address.seeds) {
      try {
        return await this.#view({ id: `${host}:${port}`, host, port })
      } catch (error) {
        this.#context.signal.throwIfAborted()
        failure = error
      }
    }
    throw failure
  }

  async #view(master: Master): Promise<Topology> {
    const reply = await (await this.#node(master)).run('CLUSTER', 'NODES')
    if (!Buffer.isBuffer(reply)) throw explain(this.label, reply)
    return readNodes(reply.toString(), master.host)
  }

  #node({ id, host, port }: Master): Promise<RedisSource> {
    const name = `${id} ${host}:${port}`
    const known = this.#nodes.get(name)
    if (known) return known
    const seed = this.#address.seeds[0]!
    const label = `${seed.tls ? 'rediss' : 'redis'}://${host}:${port}/0`
    const address: RedisAddress = { ...seed, host, port, label }
    const moved = (slot: number): void => {
      for (const it of this.#watching) it.add(slot)
    }
    const opened = RedisSource.open(address, this.#context, this.#limits, { moved }).then((it) => {
      this.#open.add(it)
      return it
    })
    this.#nodes.set(name, opened)
    // One that could not be reached may be there next time.
    opened.catch(() => this.#nodes.delete(name))
    return opened
  }

  async #isAnother(): Promise<boolean> {
    const before = this.#topology
    const now = await this.#look()
    return before !== undefined && now.masters.some((it) => !before.masters.some(({ id }) => id === it.id))
  }

  #changed(): SourceError {
    return new SourceError(
      'SOURCE_CHANGED',
      `${this.label} has other masters than before: one has failed over, and its cursors mean nothing any more.`,
      { hint: 'The scan has to begin anew; what was copied is not copied twice.' },
    )
  }

  #restless(): SourceError {
    return new SourceError(
      'SOURCE_UNSTABLE',
      `Slots of ${this.label} are being moved, and do not come to rest.`,
      {
        hint: 'Run the same again when the cluster has been rebalanced: it goes on.',
      },
    )
  }
}

const END: Cursor = 'end'

const hash = (words: readonly string[]): string =>
  createHash('sha256').update(words.join('\n')).digest('hex').slice(0, 32)
