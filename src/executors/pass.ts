import { createHash, randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { EXIT, KvmigError, SourceError } from '../errors.ts'
import { failpoint } from '../failpoint.ts'
import type { BackfillStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import type { Cursor, Source } from '../sources/source.ts'
import type { Checkpoint } from '../state/ledger.ts'
import { repeatably } from '../state/schema.ts'
import { writerName } from '../state/trace.ts'
import { databaseClock } from '../target/clock.ts'
import { DatabaseError } from '../target/error.ts'
import { openTableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import {
  addCounts,
  type Batch,
  type CopyCounts,
  type Mark,
  noCounts,
  shiftCounts,
  toQuarantine,
} from './batch.ts'
import { loadCarefully } from './careful.ts'
import { certainly } from './certainly.ts'
import { claimBatch, LIVE_PLANS, livePlansOf } from './claims.ts'
import { settleContests } from './contests.ts'
import { Copy } from './copy.ts'
import type { Context, Counts } from './executor.ts'
import { loadDirectly } from './load.ts'
import { pagesOf } from './pages.ts'
import { Taking } from './taking.ts'
import { writersOf } from './writers.ts'

/** A cursor that says: nothing is left. */
const END: Cursor = 'end'

/** A batch of large rows is written before it has its number of rows: two of them are in memory, one being written while one is filled. */
const BATCH_BYTES = 8 << 20

/** A source that is read slowly fills no batch for minutes: what there is by then is written, so that a run that is stopped has lost little, and says how far it is. */
const BATCH_MILLIS = 2_000

/** What is replayed comes in one transaction, where it can: rows may refer to each other. */
const REPLAYED_ROWS = 20_000

type Loaded = ReadonlyMap<Copy, CopyCounts>

/**
 * One reading of a source, for one mapping or several. Rows, quarantine, origins and the cursor are one transaction: killed anywhere, the
 * next pass goes on where the last commit was.
 */
export class Pass {
  readonly #context: Context
  readonly #source: Source
  readonly copies: readonly Copy[]
  readonly #plans: readonly string[]
  readonly #taking: Taking
  readonly #id: string
  /** Only these; all, where there is none. */
  readonly #keys: readonly Buffer[] | undefined
  #identity: string
  /** Up to where all is written, with what was counted by then. */
  #reached: { cursor: Cursor | undefined; counts: Record<string, Counts> }
  /** What is kept as the place when all is written: where the source goes on some day, or that nothing is left. */
  #end: Cursor = END
  #batches: number
  #batchBegan = performance.now()
  #isWriting = false
  /** Where the source could be resumed last, and what was in the batches then. */
  #resumable: { readonly cursor: Cursor; readonly marks: ReadonlyMap<Batch, Mark> } | undefined
  #writing: Promise<void> = Promise.resolve()
  #failed: unknown

  static async open(
    steps: readonly BackfillStep[],
    context: Context,
    keys?: readonly Buffer[],
  ): Promise<Pass> {
    const { ledger, target, compiled, lease } = context
    const source = await context.source(steps[0]!.source)
    const id = keys ? `replay ${randomUUID()}` : passId(steps, context)
    const identity = await source.identity()
    const saved = await ledger.checkpoint(id)
    // A cursor of another process or another file would skip keys without a word (H08): scan again, which is idempotent.
    const resumed = saved?.identity === identity ? saved : undefined
    const begin = async (tx: Transaction): Promise<Copy[]> => {
      await lease.fence(tx)
      const made: Copy[] = []
      for (const step of steps) {
        const mapping = compiled.mapping(step.plan, step.mapping.name)
        const { columns, keyIndexes } = mapping
        const table = await openTableRows(tx, { name: step.table.name, columns, keyIndexes })
        // What is in the quarantine is about to be read again: what is not rejected again does not belong there any more.
        if (!resumed) await ledger.quarantine.doubt(tx, step.plan, step.mapping.name, keys)
        made.push(
          new Copy(
            step,
            mapping,
            { table, writers: writersOf(compiled, table.name), ledger },
            resumed?.counts[step.id],
          ),
        )
      }
      return made
    }
    const copies = await repeatably(() => target.transaction(begin))
    return new Pass(context, source, copies, {
      id,
      identity,
      keys,
      cursor: resumed?.cursor,
      batches: resumed?.batch ?? 0,
    })
  }

  private constructor(
    context: Context,
    source: Source,
    copies: readonly Copy[],
    pass: {
      id: string
      identity: string
      keys: readonly Buffer[] | undefined
      cursor: Cursor | undefined
      batches: number
    },
  ) {
    this.#context = context
    this.#source = source
    this.copies = copies
    this.#plans = [...new Set(copies.map((it) => it.step.plan))]
    this.#taking = new Taking(context.compiled.router(copies[0]!.step.source), copies)
    this.#id = pass.id
    this.#keys = pass.keys
    this.#identity = pass.identity
    this.#reached = { cursor: pass.cursor, counts: this.#counts() }
    this.#batches = pass.batches
  }

  /** Up to the end of the source, and anew where another server answers meanwhile. */
  async copy(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#copyFrom(this.#reached.cursor)
        return
      } catch (error) {
        // Nothing is written behind the back of whoever hears of this.
        await this.#writing
        if (!(error instanceof SourceError && error.code === 'SOURCE_CHANGED') || attempt === 3) throw error
        await this.#startAgain()
      }
    }
  }

  /** Settles what records fought over, now that all of them were seen. */
  async settle(): Promise<void> {
    const tables = new Map(this.copies.map(({ loading: { table } }) => [showTable(table.name), table.name]))
    for (const table of tables.values()) {
      await settleContests(table, this.#context, {
        counted: this.copies.map((it) => writerName(it.compiled)),
        transact: async (work) => {
          await this.#commit(this.#end, async (tx) => shiftCounts(this.copies, await work(tx)))
        },
      })
    }
  }

  /** Lets go of what is not in quarantine any more, and of the checkpoint, unless the source goes on there. `also` is part of the transaction, once for each copy. */
  async close(also: (tx: Transaction, copy: Copy) => Promise<void> = async () => {}): Promise<void> {
    const { target, lease, ledger } = this.#context
    await repeatably(() =>
      target.transaction(async (tx) => {
        await lease.fence(tx)
        for (const copy of this.copies) {
          await ledger.quarantine.release(tx, copy.step.plan, copy.step.mapping.name)
          await also(tx, copy)
        }
        if (this.#end === END) await ledger.dropCheckpoint(tx, this.#id)
        else await ledger.saveCheckpoint(tx, this.#id, this.#wholePlace())
      }),
    )
  }

  /** Where the next copy goes on, which counts by itself. */
  #wholePlace(): Checkpoint {
    const counts = Object.fromEntries(this.copies.map((it) => [it.step.id, { ...noCounts() }]))
    return { identity: this.#identity, cursor: this.#end, counts, batch: this.#batches }
  }

  async #copyFrom(from: Cursor | undefined): Promise<void> {
    if (from === END) return
    if (from === undefined && !this.#keys) await this.#learnAhead()
    const clock = await databaseClock(this.#context)
    const patterns = this.copies.map((it) => it.step.mapping.match)
    const reading = { keys: this.#keys, patterns, want: this.#taking.want }
    let last: Cursor | undefined
    try {
      for await (const page of pagesOf(this.#source, reading, from)) {
        this.#context.signal.throwIfAborted()
        if (this.#failed) throw this.#failed
        this.#context.requireGoing(this.#plans)
        for (const entry of page.entries) this.#taking.take(entry, clock())
        if (page.cursor !== undefined) this.#mark(page.cursor)
        last = page.cursor
        if (this.#isFull()) await this.#flush(page.cursor)
        // Pages may be there already, one after the other: what is being written has to be attended to as well.
        await turn()
      }
    } catch (error) {
      if (error instanceof KvmigError && error.exitCode === EXIT.notYet) await this.#keep()
      throw error
    }
    this.#taking.drop()
    if (this.#source.goesOn) this.#end = last ?? END
    await this.#flush(this.#end)
    await this.#writing
    if (this.#failed) throw this.#failed
    failpoint('backfill.scanned')
  }

  /** From phase B on, the application writes as well: what is known of the table would be old by the time it is needed. */
  async #learnAhead(): Promise<void> {
    const { target } = this.#context
    const live = await target.transaction(async (tx) => livePlansOf((await tx.queries([LIVE_PLANS]))[0]!))
    for (const copy of this.copies) if (!live.has(copy.compiled.plan)) await copy.learnAhead(target)
  }

  /** The source is not the one the cursor belongs to any more: forget it and count anew. */
  async #startAgain(): Promise<void> {
    this.#failed = undefined
    this.#identity = await this.#source.identity()
    for (const copy of this.copies) {
      copy.batch.clear()
      copy.counts = noCounts()
      copy.careful = true
    }
    this.#taking.forget()
    this.#resumable = undefined
    this.#end = END
    this.#reached = { cursor: undefined, counts: {} }
    await repeatably(() =>
      this.#context.target.transaction(async (tx) => {
        await this.#context.lease.fence(tx)
        await this.#context.ledger.dropCheckpoint(tx, this.#id)
        for (const { step } of this.copies) {
          await this.#context.ledger.quarantine.doubt(tx, step.plan, step.mapping.name, this.#keys)
        }
      }),
    )
  }

  get #batchRows(): number {
    const { batchRows } = this.#context
    return this.#keys ? Math.max(batchRows, REPLAYED_ROWS) : batchRows
  }

  #isFull(): boolean {
    let [rows, bytes] = [0, 0]
    for (const { batch } of this.copies) {
      rows += batch.size + batch.seen.unchanged
      bytes += batch.tuples.bytes
    }
    if (rows >= this.#batchRows || bytes >= BATCH_BYTES) return true
    // While another one is being written, waiting for it would only keep the source from being read.
    if (rows === 0 || this.#keys || this.#isWriting) return false
    return performance.now() - this.#batchBegan >= BATCH_MILLIS
  }

  #mark(cursor: Cursor): void {
    this.#resumable = { cursor, marks: new Map(this.copies.map(({ batch }) => [batch, batch.mark()])) }
  }

  /** A budget or a quota is used up, or a plan was paused: what was read is written, as far as the source can be resumed behind it. */
  async #keep(): Promise<void> {
    if (!this.#resumable || this.#failed) return
    const { cursor, marks } = this.#resumable
    this.#taking.forget()
    for (const [batch, mark] of marks) batch.rewind(mark)
    await this.#flush(cursor)
    await this.#writing
    if (this.#failed) throw this.#failed
  }

  /** Hands the batches over to be written while the next ones are made; waits for the write before. */
  async #flush(cursor: Cursor | undefined): Promise<void> {
    await this.#writing
    if (this.#failed) throw this.#failed
    this.#resumable = undefined
    this.#batchBegan = performance.now()
    this.#isWriting = true
    const batches = this.copies.map((copy) => {
      const { batch } = copy
      copy.batch = copy.newBatch()
      return { copy, batch }
    })
    this.#writing = this.#write(batches, cursor).then(
      () => {
        this.#isWriting = false
        for (const { copy, batch } of batches) copy.done(batch)
      },
      (error) => {
        this.#isWriting = false
        this.#failed = error
      },
    )
    if (cursor === this.#end) await this.#writing
  }

  async #write(batches: readonly { copy: Copy; batch: Batch }[], cursor: Cursor | undefined): Promise<void> {
    const { ledger } = this.#context
    for (;;) {
      let trying: Copy | undefined
      const live = new Set<Copy>()
      try {
        const results = await this.#commit(cursor, async (tx, plans) => {
          failpoint('backfill.batch-begun')
          const loaded = new Map<Copy, CopyCounts>()
          for (const { copy, batch } of batches) {
            if (batch.empty) continue
            const claimed = await claimBatch(tx, batch, plans)
            const careful = copy.careful || claimed !== undefined
            trying = careful ? undefined : copy
            const { counts, rejects } = careful
              ? await loadCarefully(tx, batch, copy.loading, claimed?.isOurs)
              : await loadDirectly(tx, batch, copy.loading)
            const { plan, mapping } = copy.compiled
            await ledger.quarantine.add(
              tx,
              rejects.map((it) => toQuarantine(plan, mapping.name, it)),
            )
            // What a live write has touched is there, and newer than what was read.
            const unchanged = counts.unchanged + (claimed?.live ?? 0) + batch.seen.unchanged
            loaded.set(copy, { ...counts, ...batch.seen, unchanged })
            if (claimed) live.add(copy)
          }
          failpoint('backfill.batch-copied')
          return loaded
        })
        failpoint('backfill.batch-committed')
        for (const [copy, counts] of results) {
          // Nothing was there: try the next batch directly again.
          copy.careful = copy.loading.table.staged || counts.unchanged + counts.updated + counts.duplicate > 0
          const isSecondRun = counts.unchanged > counts.inserted + counts.updated && !live.has(copy)
          if (isSecondRun && !this.#keys && cursor !== END) await copy.learn(this.#context.target)
          const last = this.#reached.cursor
          const reached = last === undefined ? undefined : this.#source.reached?.(last)
          this.#context.progress(copy.step.id, { ...copy.counts }, reached)
        }
        return
      } catch (error) {
        if (!trying || !(error instanceof DatabaseError) || error.class !== 'quarantine') throw error
        trying.careful = true
      }
    }
  }

  /**
   * Does work in a transaction together with the checkpoint: if the ledger has that, it has the rows. Gives what the work counted. The work
   * is told which plans are beyond phase A.
   */
  async #commit(
    cursor: Cursor | undefined,
    work: (tx: Transaction, live: ReadonlySet<string>) => Promise<Loaded>,
  ): Promise<Loaded> {
    const { target, ledger, lease } = this.#context
    const batch = this.#batches + 1
    let made: Loaded = new Map()
    const write = async (tx: Transaction): Promise<Loaded> => {
      const [live] = await lease.fence(tx, [LIVE_PLANS])
      made = await work(tx, livePlansOf(live!))
      const reached = cursor === undefined ? this.#reached : { cursor, counts: this.#counts(made) }
      await ledger.saveCheckpoint(tx, this.#id, { identity: this.#identity, ...reached, batch })
      failpoint('backfill.batch-before-commit')
      return made
    }
    const loaded = await certainly(
      () => target.transaction(write),
      async () => ((await ledger.checkpoint(this.#id))?.batch === batch ? made : undefined),
    )
    this.#batches = batch
    for (const [copy, counts] of loaded) copy.counts = addCounts(copy.counts, counts)
    if (cursor !== undefined) this.#reached = { cursor, counts: this.#counts() }
    return loaded
  }

  #counts(more: Loaded = new Map()): Record<string, Counts> {
    return Object.fromEntries(
      this.copies.map((copy) => [copy.step.id, { ...addCounts(copy.counts, more.get(copy) ?? noCounts()) }]),
    )
  }
}

// Changes whenever what the pass copies changes, so that a cursor is never used for anything else.
function passId(steps: readonly BackfillStep[], context: Context): string {
  const words = steps.map((step) => `${step.id}=${context.fingerprint(step)}`).sort()
  return createHash('sha256').update(words.join('\n')).digest('hex').slice(0, 32)
}
