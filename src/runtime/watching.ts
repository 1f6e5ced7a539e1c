import type { LiveAnswer, LiveCommand, LiveWatch } from '../sources/live-store.ts'
import { lockKeys } from '../state/key-locks.ts'
import { pendingOfKey } from '../state/outbox.ts'
import { findTouches, type Place } from '../state/touches.ts'
import type { Transaction } from '../target/target.ts'
import { hex } from './command-places.ts'
import { dualWrite, refuse } from './command-refusal.ts'
import type { Engine } from './engine.ts'
import type { Claimed, KeyClaims } from './key-claims.ts'
import { readSide } from './protocol.ts'
import type { Watch } from './record-write.ts'

export interface WatchingParts {
  readonly engine: Engine
  readonly claims: KeyClaims
  readonly source: string
  readonly forced: ReadonlyMap<string, 'source' | 'target'>
}

/** A key of a plan whose rows Postgres has, too. */
interface Watched {
  readonly claimed: Claimed
  /** Where the application reads it. */
  readonly side: 'source' | 'target'
  /** Of its records, by part, as they were when it was watched; of what is read in the target. */
  readonly versions: ReadonlyMap<string, number>
}

/**
 * What an application watches between WATCH and EXEC. Keys that it reads in the source are watched there, by a connection of their own; those
 * that it reads in Postgres by the versions of their records. Used once.
 */
export class Watching implements Watch {
  readonly epochs = new Map<string, number>()
  readonly #parts: WatchingParts
  readonly #watched = new Map<string, Watched>()
  #live: LiveWatch | undefined
  #isUsed = false
  #isOver = false
  /** Keys that only the source has: of no plan, or of one in A. Nothing can be written to Postgres on the condition that those hold still. */
  hasSourceOnly = false

  constructor(parts: WatchingParts) {
    this.#parts = parts
  }

  /** Is something watched that Postgres has? */
  get isBesideTarget(): boolean {
    return this.#watched.size > 0
  }

  async add(keys: readonly Buffer[]): Promise<void> {
    const { engine, claims, forced, source } = this.#parts
    const inSource: Buffer[] = []
    for (const key of keys) {
      const claimed = claims.of('watch', key, undefined)
      if (!claimed) {
        this.hasSourceOnly = true
        inSource.push(key)
        continue
      }
      const { plan } = claimed.kind
      const entered = await engine.options.watcher.enter(plan, 'read')
      entered.leave()
      const known = this.epochs.get(plan) ?? entered.epoch
      if (known !== entered.epoch) this.#isOver = true
      this.epochs.set(plan, known)
      const side = entered.phase === 'A' ? 'source' : (forced.get(plan) ?? readSide(entered.phase))
      if (side === 'source') inSource.push(key)
      if (entered.phase === 'A') this.hasSourceOnly = true
      else this.#watched.set(hex(key), { claimed, side, versions: new Map() })
    }
    if (inSource.length > 0) {
      this.#live ??= await (await engine.options.live(source)).watch?.()
      if (!this.#live)
        throw refuse(
          'watch',
          'a key of a store that cannot watch',
          'From phase B on, update() of store() does the same under a lock in Postgres.',
        )
      await this.#live.watch(inSource)
    }
    const { target, timeoutMillis } = engine.options
    const inTarget = [...this.#watched].filter(([, it]) => it.side === 'target' && it.versions.size === 0)
    if (inTarget.length === 0) return
    await target.transaction(
      async (tx) => {
        for (const [name, it] of inTarget)
          this.#watched.set(name, { ...it, versions: await this.#versionsOf(tx, it.claimed, new Set()) })
      },
      { readOnly: true, statementMillis: timeoutMillis, lockMillis: timeoutMillis },
    )
  }

  async hasChanged(tx: Transaction, advanced: readonly Place[]): Promise<boolean> {
    if (this.#isUsed || this.#isOver) return true
    const { source } = this.#parts
    const watched = [...this.#watched.values()]
    await lockKeys(tx, source, [
      ...watched.map((it) => it.claimed.key),
      ...new Map(advanced.map((it) => [hex(it.key), it.key])).values(),
    ])
    const own = new Set(advanced.map(({ key, part }) => `${hex(key)} ${part}`))
    for (const { claimed, side, versions } of watched) {
      const isSame =
        side === 'target'
          ? sameVersions(versions, await this.#versionsOf(tx, claimed, own))
          : await this.#isCarried(tx, claimed)
      if (!isSame) return true
    }
    return false
  }

  async command(command: LiveCommand): Promise<LiveAnswer | undefined> {
    if (this.#isUsed || this.#isOver) return undefined
    this.#isUsed = true
    if (this.#live) return this.#live.command(command)
    if (command.commands.length === 0) return { fenced: false, replies: [] }
    const { engine, source } = this.#parts
    return (await engine.options.live(source)).command(command)
  }

  /** Nothing is watched any more. */
  close(): void {
    this.#isUsed = true
    this.#live?.close()
  }

  /** Those of `own` were raised by one just now. */
  async #versionsOf(
    tx: Transaction,
    { key, kind, whole }: Claimed,
    own: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, number>> {
    const { rows } = this.#parts.engine
    let parts: readonly string[] = ['']
    if (kind.element !== 'key') {
      if ('because' in whole) throw dualWrite(kind.plan, whole)
      const there = await rows.entries.read(tx, whole, { key, part: '' })
      parts = [...new Set(there.map((it) => it.part))].sort()
    }
    const places = parts.map((part) => ({ key, part }))
    const touches = await findTouches(tx, kind.plan, places)
    return new Map(
      places.map(({ part }, index) => {
        const version = touches[index]?.version ?? 0
        return [part, own.has(`${hex(key)} ${part}`) ? version - 1 : version]
      }),
    )
  }

  /** Has the source all that was committed? What is on its way there, the application has not read. */
  async #isCarried(tx: Transaction, { key, kind }: Claimed): Promise<boolean> {
    const waiting = await pendingOfKey(tx, kind.plan, key)
    if (waiting.length === 0) return true
    const { engine, source } = this.#parts
    const there = await (await engine.options.live(source)).read(waiting)
    return waiting.every((it, index) => there[index]!.version >= it.version)
  }
}

const sameVersions = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean =>
  a.size === b.size && [...a].every(([part, version]) => b.get(part) === version)
