import type { CompiledMapping } from '../mapping/mapping.ts'
import type { BackfillStep } from '../plan/step.ts'
import { hasRows } from '../target/count-rows.ts'
import type { Target } from '../target/target.ts'
import { Batch, type CopyCounts, noCounts } from './batch.ts'
import type { Counts } from './executor.ts'
import { KnownRows } from './known-rows.ts'
import type { Loading } from './load.ts'

/** What a pass makes of one mapping. */
export class Copy {
  readonly step: BackfillStep
  readonly compiled: CompiledMapping
  readonly loading: Loading
  batch: Batch
  counts: CopyCounts
  /** Once a batch met rows that are there, the next one is not tried directly either: that is a second run. */
  careful: boolean
  /** The rows that are there, once they turned out to be most of what the source gives. */
  known: KnownRows | undefined
  #hasLooked = false
  #spare: Batch | undefined

  constructor(step: BackfillStep, compiled: CompiledMapping, loading: Loading, counts: Counts | undefined) {
    this.step = step
    this.compiled = compiled
    this.loading = loading
    this.batch = this.newBatch()
    this.counts = { ...noCounts(), ...counts }
    this.careful = loading.table.staged
  }

  newBatch(): Batch {
    const batch = this.#spare ?? new Batch(this.compiled, this.loading.table)
    this.#spare = undefined
    batch.known = this.known
    return batch
  }

  /**
   * Reads the rows that are there, once: it costs a fraction of looking them up, and what is among them need not be. Only where a row has
   * one record, which its key tells, and nobody else writes.
   */
  async learn(target: Target): Promise<void> {
    const { table, writers } = this.loading
    if (this.#hasLooked || table.staged || writers.tracked) return
    this.#hasLooked = true
    this.known = await KnownRows.read(target, table)
    this.batch.known = this.known
  }

  /** The same before the first record: a table that has rows by then was most likely filled by a run before, and is met with care. */
  async learnAhead(target: Target): Promise<void> {
    if (!(await target.transaction((tx) => hasRows(tx, this.loading.table.name)))) return
    await this.learn(target)
    if (this.known) this.careful = true
  }

  /** It is written: its memory can have the next one. */
  done(batch: Batch): void {
    batch.clear()
    this.#spare = batch
  }
}
