import { createHash } from 'node:crypto'
import { EXIT, KvmigError, SourceError, StepError, TargetError } from '../errors.ts'
import { failpoint } from '../failpoint.ts'
import { forwardClaims } from '../mapping/claim.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import { exactKey, literalPrefix } from '../plan/key-pattern.ts'
import type { BackfillStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import type { Cursor, Page, Source } from '../sources/source.ts'
import { qualified } from '../target/ddl.ts'
import { DatabaseError } from '../target/error.ts'
import { inspectTable } from '../target/inspect.ts'
import { openTableRows, type TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import { addCounts, Batch, type CopyCounts, noCounts, toQuarantine } from './batch.ts'
import type { Context, Counts, Executor, Outcome } from './executor.ts'
import { loadCarefully, loadDirectly } from './load.ts'
import { deleteOwned } from './owned.ts'
import { undoStep } from './transact.ts'

/** A cursor that says: nothing is left. */
const END: Cursor = 'end'

/**
 * Copies what mappings make of a source. Steps of one source that are ready together share one pass, so that every key is read once.
 * Rows, quarantine, origins and the cursor are one transaction: killed anywhere, the next run goes on where the last commit was.
 */
export const backfill: Executor<BackfillStep> = {
  kind: 'backfill',
  describe: ({ mapping, table }) => ({
    symbol: '>',
    verb: 'backfill',
    subject: `${mapping.match.source} ► ${showTable(table.name)}`,
    detail: [mapping.type, mapping.each && (mapping.each.kind === 'path' ? `each ${mapping.each.path.join('.')}` : `each ${mapping.each.kind}`)]
      .filter(Boolean)
      .join(', '),
  }),
  together: (step) => step.source,
  run: async (step, context) => {
    const outcomes = await runPass([step], context)
    return outcomes.get(step.id)!
  },
  runTogether: runPass,
  revert: async (step, context) => {
    // With origins, exactly the rows that came from here go; without, the table is kvmig's own and holds nothing else.
    return undoStep(context, step, async (tx) => {
      const { name } = step.table
      await context.ledger.quarantine.clear(tx, step.plan, step.mapping.name)
      if (!(await inspectTable(tx, name))) return {}
      if (!context.compiled.tracked(name) && step.table.owner === 'plan') {
        await tx.query(`TRUNCATE ${qualified(name)}`)
        return {}
      }
      return { deleted: await deleteOwned(tx, step, context.ledger) }
    })
  },
}

class Copy {
  readonly step: BackfillStep
  readonly compiled: CompiledMapping
  readonly table: TableRows
  readonly tracked: boolean
  batch: Batch
  counts: CopyCounts
  /** Once a batch met rows that are there, the next one is not tried directly either: that is a second run. */
  careful: boolean
  /** Are there records of this mapping in the quarantine that might become rows now? */
  reopened: boolean

  constructor(
    step: BackfillStep,
    compiled: CompiledMapping,
    { table, tracked, counts, reopened }: { table: TableRows; tracked: boolean; counts: Counts | undefined; reopened: boolean },
  ) {
    this.step = step
    this.compiled = compiled
    this.table = table
    this.tracked = tracked
    this.batch = new Batch(compiled)
    this.counts = { ...noCounts(), ...counts }
    this.careful = table.staged
    this.reopened = reopened
  }
}

/** Copies only these keys of the source, whatever was copied before: for records that were quarantined. */
export const replay = (
  steps: readonly BackfillStep[],
  keys: readonly Buffer[],
  context: Context,
): Promise<ReadonlyMap<string, Outcome>> => runPass(steps, context, keys)

async function runPass(
  steps: readonly BackfillStep[],
  context: Context,
  keys?: readonly Buffer[],
): Promise<ReadonlyMap<string, Outcome>> {
  const name = steps[0]!.source
  const source = await context.source(name)
  const pass = keys ? undefined : passId(steps, context)
  const { ledger, target } = context
  const identity = await source.identity()
  const saved = pass === undefined ? undefined : await ledger.checkpoint(pass)
  // A cursor of another process or another file would skip keys without a word (H08): scan again, which is idempotent.
  const resumed = saved && (saved.identity === identity || saved.cursor === END) ? saved : undefined

  const open = new Map((await ledger.quarantine.counts()).map((it) => [`${it.plan}/${it.mapping}`, it.open + it.accepted]))
  const copies = await target.transaction(async (tx) => {
    const made: Copy[] = []
    for (const step of steps) {
      const compiled = context.compiled.mapping(step.plan, step.mapping.name)
      const tracked = context.compiled.tracked(step.table.name)
      const table = await openTableRows(tx, { name: step.table.name, columns: compiled.columns, keyIndexes: compiled.keyIndexes })
      if (!resumed) await context.lease.fence(tx)
      if (!resumed && !keys && tracked) await ledger.origins.forgive(tx, showTable(table.name))
      made.push(
        new Copy(step, compiled, {
          table,
          tracked,
          counts: resumed?.counts[step.id],
          reopened: (open.get(`${step.plan}/${step.mapping.name}`) ?? 0) > 0,
        }),
      )
    }
    return made
  })
  const runner = new Pass(context, source, copies, pass, identity, keys)
  for (let attempt = 1; ; attempt++) {
    try {
      await runner.copy(attempt === 1 ? resumed?.cursor : undefined)
      break
    } catch (error) {
      if (!(error instanceof SourceError && error.code === 'SOURCE_CHANGED') || attempt === 3) throw error
      await runner.startAgain()
    }
  }
  return runner.finish()
}

class Pass {
  readonly #context: Context
  readonly #source: Source
  readonly #copies: readonly Copy[]
  readonly #byMapping: ReadonlyMap<CompiledMapping, Copy>
  readonly #pass: string | undefined
  readonly #keys: readonly Buffer[] | undefined
  #identity: string
  #writing: Promise<void> = Promise.resolve()
  #failed: unknown

  constructor(
    context: Context,
    source: Source,
    copies: readonly Copy[],
    pass: string | undefined,
    identity: string,
    keys: readonly Buffer[] | undefined,
  ) {
    this.#context = context
    this.#source = source
    this.#copies = copies
    this.#byMapping = new Map(copies.map((it) => [it.compiled, it]))
    this.#pass = pass
    this.#keys = keys
    this.#identity = identity
  }

  async copy(from: Cursor | undefined): Promise<void> {
    if (from === END) return
    const clock = await databaseClock(this.#context)
    for await (const page of this.#pages(from)) {
      this.#context.signal.throwIfAborted()
      if (this.#failed) throw this.#failed
      for (const entry of page.entries) this.#take(entry, clock)
      if (this.#size() >= this.#context.batchRows) await this.#flush(page.cursor)
    }
    await this.#flush(END)
    await this.#writing
    if (this.#failed) throw this.#failed
    failpoint('backfill.scanned')
  }

  /** The source is not the one the cursor belongs to any more: forget it and count anew. */
  async startAgain(): Promise<void> {
    await this.#writing.catch(() => {})
    this.#failed = undefined
    this.#identity = await this.#source.identity()
    for (const copy of this.#copies) {
      copy.batch = new Batch(copy.compiled)
      copy.counts = noCounts()
      copy.careful = true
    }
    await this.#context.target.transaction(async (tx) => {
      await this.#context.lease.fence(tx)
      if (this.#pass) await this.#context.ledger.dropCheckpoint(tx, this.#pass)
    })
  }

  async finish(): Promise<ReadonlyMap<string, Outcome>> {
    const { target, lease, ledger } = this.#context
    const outcomes = new Map(this.#copies.map((copy) => [copy.step.id, outcomeOf(copy)] as const))
    await target.transaction(async (tx) => {
      await lease.fence(tx)
      for (const { step } of this.#copies) await this.#context.record(tx, step, outcomes.get(step.id)!)
      if (this.#pass) await ledger.dropCheckpoint(tx, this.#pass)
    })
    return outcomes
  }

  #pages(from: Cursor | undefined): AsyncIterable<Page> {
    if (this.#keys) return this.#source.read(this.#keys)
    const patterns = this.#copies.map((it) => it.step.mapping.match)
    const exact = patterns.map(exactKey)
    if (exact.every((it) => it !== undefined)) {
      return this.#source.read([...new Set(exact)].map((it) => Buffer.from(it)))
    }
    const router = this.#context.compiled.router(this.#copies[0]!.step.source)
    const wanted = new Set(this.#byMapping.keys())
    return this.#source.scan(
      { prefix: Buffer.from(commonPrefix(patterns.map(literalPrefix))), want: (key) => router.mayClaim(key, wanted) },
      from,
    )
  }

  #take(entry: Page['entries'][number], clock: () => number): void {
    const router = this.#context.compiled.router(this.#copies[0]!.step.source)
    const expired = entry.expiresAt !== null && entry.expiresAt <= clock()
    const touched = new Set<Copy>()
    forwardClaims(router.route(entry.key, entry.type), entry, (compiled) => {
      const copy = this.#byMapping.get(compiled)
      if (!copy) return undefined
      touched.add(copy)
      return expired ? undefined : copy.batch.of(entry)
    })
    if (entry.offset > 0) return
    for (const copy of touched) {
      if (expired) copy.batch.seen.expired += 1
      else copy.batch.seen.keys += 1
    }
  }

  #size(): number {
    return this.#copies.reduce((sum, copy) => sum + copy.batch.size, 0)
  }

  /** Hands the batches over to be written while the next ones are made; waits for the write before. */
  async #flush(cursor: Cursor | undefined): Promise<void> {
    await this.#writing
    if (this.#failed) throw this.#failed
    const batches = this.#copies.map((copy) => {
      const { batch } = copy
      copy.batch = new Batch(copy.compiled)
      return { copy, batch }
    })
    this.#writing = this.#write(batches, cursor).catch((error) => {
      this.#failed = error
    })
    if (cursor === END) await this.#writing
  }

  async #write(batches: readonly { copy: Copy; batch: Batch }[], cursor: Cursor | undefined): Promise<void> {
    const { target, ledger, lease } = this.#context
    for (;;) {
      let trying: Copy | undefined
      try {
        const results = await target.transaction(async (tx) => {
          await lease.fence(tx)
          failpoint('backfill.batch-begun')
          const loaded = new Map<Copy, CopyCounts>()
          for (const [place, { copy, batch }] of batches.entries()) {
            if (batch.empty) continue
            trying = copy.careful ? undefined : copy
            const load = copy.careful ? loadCarefully : loadDirectly
            const { counts, rejects } = await load(tx, batch, copy.table, {
              ledger,
              tracked: copy.tracked,
              order: (mapping) => this.#context.compiled.order(copy.step.plan, mapping),
              stageName: `kvmig_stage_${place}`,
            })
            const { plan, mapping } = copy.compiled
            if (copy.reopened) await ledger.quarantine.remove(tx, plan, mapping.name, batch.keys)
            await ledger.quarantine.add(tx, rejects.map((it) => toQuarantine(plan, mapping.name, it)))
            loaded.set(copy, { ...counts, ...batch.seen })
          }
          failpoint('backfill.batch-copied')
          if (cursor !== undefined && this.#pass) await this.#checkpoint(tx, this.#pass, cursor, loaded)
          failpoint('backfill.batch-before-commit')
          return loaded
        })
        failpoint('backfill.batch-committed')
        for (const [copy, counts] of results) {
          copy.counts = addCounts(copy.counts, counts)
          // Nothing was there: try the next batch directly again.
          copy.careful = copy.table.staged || counts.unchanged + counts.updated + counts.duplicate > 0
          this.#context.progress(copy.step.id, { ...copy.counts })
        }
        return
      } catch (error) {
        if (error instanceof TargetError && error.code === 'COMMIT_UNKNOWN') {
          if (await this.#wasCommitted(cursor)) return
          // Written again, with care: what is there after all counts as unchanged.
          for (const { copy } of batches) copy.careful = true
          continue
        }
        if (!trying || !(error instanceof DatabaseError) || error.class !== 'quarantine') throw error
        trying.careful = true
      }
    }
  }

  // The cursor is part of the transaction: if the ledger has it, it has the rows.
  async #wasCommitted(cursor: Cursor | undefined): Promise<boolean> {
    if (!this.#pass || cursor === undefined) return false
    const saved = await this.#context.ledger.checkpoint(this.#pass)
    if (saved?.cursor !== cursor || saved.identity !== this.#identity) return false
    for (const copy of this.#copies) copy.counts = { ...noCounts(), ...saved.counts[copy.step.id] }
    return true
  }

  #checkpoint(tx: Transaction, pass: string, cursor: Cursor, loaded: ReadonlyMap<Copy, CopyCounts>): Promise<void> {
    const counts = Object.fromEntries(
      this.#copies.map((copy) => [copy.step.id, addCounts(copy.counts, loaded.get(copy) ?? noCounts())]),
    )
    return this.#context.ledger.saveCheckpoint(tx, pass, { identity: this.#identity, cursor, counts })
  }
}

function outcomeOf({ step, counts }: Copy): Outcome {
  const records = counts.inserted + counts.updated + counts.unchanged + counts.duplicate + counts.rejected
  const { rejectLimit, match } = step.mapping
  if (rejectLimit !== undefined && records > 0 && counts.rejected / records > rejectLimit) {
    return {
      status: 'failed',
      counts: { ...counts },
      error: new StepError(
        'REJECT_LIMIT',
        `${step.id} rejected ${counts.rejected} of ${records} records of ${match.source}, more than the ${rejectLimit * 100}% that the plan allows.`,
        { hint: 'See why with `kvmig status`, mend the plan or the data, then apply again.', exitCode: EXIT.couldNot },
      ),
    }
  }
  return { status: 'done', counts: { ...counts } }
}

// Changes whenever what the pass copies changes, so that a cursor is never used for anything else.
function passId(steps: readonly BackfillStep[], context: Context): string {
  const words = steps.map((step) => `${step.id}=${context.fingerprint(step)}`).sort()
  return createHash('sha256').update(words.join('\n')).digest('hex').slice(0, 32)
}

// Expiries are absolute times; they are compared with the database's clock, never with this machine's (H11, H72).
async function databaseClock({ target }: Context): Promise<() => number> {
  const rows = await target.transaction((tx) => tx.query('SELECT (extract(epoch FROM now()) * 1000)::int8 AS now'))
  const offset = Number(rows[0]?.now) - performance.now()
  if (Number.isNaN(offset)) throw new KvmigError('CLOCK', 'The target did not tell the time.')
  return () => performance.now() + offset
}

function commonPrefix(prefixes: readonly string[]): string {
  let common = prefixes[0] ?? ''
  for (const prefix of prefixes) while (!prefix.startsWith(common)) common = common.slice(0, -1)
  return common
}
