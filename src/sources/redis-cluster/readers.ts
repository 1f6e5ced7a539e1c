import { SourceError } from '../../errors.ts'
import { mayPass } from '../redis/explain.ts'
import type { RedisSource } from '../redis/redis-source.ts'
import { type Replicating, readReplication } from '../redis/replication.ts'
import type { Cursor, Page, Selection } from '../source.ts'
import type { ClusterAddress } from './address.ts'
import { changed } from './faults.ts'
import { LOOKS, type Lookout } from './lookout.ts'
import type { Nodes } from './nodes.ts'
import type { Node } from './topology.ts'

/** Who is read in place of a master. */
export interface Reader {
  readonly source: RedisSource
  /** Undefined: the master itself, which has no replica. */
  readonly replica: Node | undefined
}

/**
 * Chooses a replica of each master to scan, and waits until it has all that its master had at that moment: what a scan then promises is what it
 * promises at the master. A replica that is chosen is kept: cursors of one mean nothing at another.
 */
export class Readers {
  readonly #address: ClusterAddress
  readonly #nodes: Nodes
  readonly #lookout: Lookout
  readonly #looks: number
  readonly #chosen = new Map<string, Reader>()

  constructor(
    address: ClusterAddress,
    {
      nodes,
      lookout,
      looks = LOOKS,
    }: { readonly nodes: Nodes; readonly lookout: Lookout; readonly looks?: number | undefined },
  ) {
    this.#address = address
    this.#nodes = nodes
    this.#lookout = lookout
    this.#looks = looks
  }

  /** The one that is read in place of this master, which may be behind it. */
  async of(master: Node): Promise<Reader> {
    const known = this.#chosen.get(master.id)
    if (known) return known
    const found = await this.#choose(master)
    this.#chosen.set(master.id, found)
    return found
  }

  /** The pages of a master's keys. Rejects with SOURCE_CHANGED when who was read is lost: the next time another is chosen. */
  async *scan(master: Node, selection: Selection, from: Cursor): AsyncGenerator<Page> {
    try {
      const { source, replica } = await this.#caughtUp(master)
      let last: Page | undefined
      for await (const page of source.scan(selection, from)) {
        if (last) yield last
        last = page
      }
      // Keys of another master's are not those of before; the last page says that all was read.
      if (replica && !(await this.#isStill(master, replica))) throw changed(this.#address.label)
      if (last) yield last
    } catch (error) {
      if (!mayPass(error) && !(error instanceof SourceError && error.code === 'SOURCE_CHANGED')) throw error
      this.#chosen.delete(master.id)
      throw changed(this.#address.label)
    }
  }

  /** How far behind they are, and who has none. */
  async warnings(masters: readonly Node[]): Promise<readonly string[]> {
    let [behind, alone] = [0, 0]
    for (const master of masters) {
      const { source, replica } = await this.of(master)
      if (!replica) {
        alone += 1
        continue
      }
      const [there, here] = [
        await this.#replicating(await this.#nodes.master(master)),
        await this.#replicating(source),
      ]
      behind = Math.max(behind, there.offset - here.offset)
    }
    const { label } = this.#address
    return [
      `${label} is read by its replicas, at most ${Math.max(0, behind).toLocaleString('en')} bytes behind their masters just now; each is waited for until it has what its master has when its turn comes.`,
      ...(alone > 0
        ? [`${alone} of ${masters.length} masters of ${label} have no replica, and are read themselves.`]
        : []),
    ]
  }

  // When it has all that the master has now.
  async #caughtUp(master: Node): Promise<Reader> {
    const reader = await this.of(master)
    if (!reader.replica) return reader
    const { offset } = await this.#replicating(await this.#nodes.master(master))
    for (let look = 0; ; look++) {
      const it = await this.#replicating(reader.source)
      // One that was made master has all there is.
      if (!it.isReplica || (it.isLinked && it.offset >= offset)) return reader
      if (look >= this.#looks) throw this.#stale(reader.source, it, offset)
      await this.#lookout.rest()
    }
  }

  // Its replica, or in its place.
  async #isStill(master: Node, { id }: Node): Promise<boolean> {
    const { masters, replicas } = await this.#lookout.look()
    return [...masters, ...(replicas.get(master.id) ?? [])].some((it) => it.id === id)
  }

  async #choose(master: Node): Promise<Reader> {
    let failure: unknown
    for (let look = 0; ; look++) {
      const { replicas } = look === 0 && this.#lookout.seen ? this.#lookout.seen : await this.#lookout.look()
      const candidates = replicas.get(master.id) ?? []
      if (candidates.length === 0) return { source: await this.#nodes.master(master), replica: undefined }
      for (const replica of candidates) {
        try {
          const source = await this.#nodes.replica(replica)
          await source.identity()
          return { source, replica }
        } catch (error) {
          if (!mayPass(error)) throw error
          failure = error
        }
      }
      // A cluster takes a while to call a node failed.
      if (look >= this.#looks) throw failure
      await this.#lookout.rest()
    }
  }

  async #replicating(source: RedisSource): Promise<Replicating> {
    const reply = await source.run('INFO', 'replication')
    return readReplication(Buffer.isBuffer(reply) ? reply.toString('latin1') : '')
  }

  #stale({ label }: RedisSource, { isLinked, offset }: Replicating, needed: number): SourceError {
    const behind = `${Math.max(0, needed - offset).toLocaleString('en')} bytes behind its master`
    return new SourceError(
      'SOURCE_STALE',
      `${label} is a replica that does not catch up: it is ${behind}${isLinked ? '' : ', and has lost it'}.`,
      {
        hint: 'Run the same again when it has, or leave ?read=replicas out of the address: then masters are read.',
      },
    )
  }
}
