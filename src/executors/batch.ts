import { createHash } from 'node:crypto'
import type { CompiledMapping, Part, RecordSink } from '../mapping/mapping.ts'
import { RowBatch } from '../mapping/row-batch.ts'
import type { Entry } from '../sources/source.ts'
import type { QuarantineRecord } from '../state/ledger.ts'
import { type Traceable, writerName } from '../state/trace.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Reject } from '../value.ts'
import type { KnownRows } from './known-rows.ts'
import type { Shift } from './settling.ts'

/** What one mapping made of some pages of the source, waiting to be written in one transaction. */
export class Batch extends RowBatch implements RecordSink {
  readonly compiled: CompiledMapping
  readonly rejects: Rejected[] = []
  /** What the batch stands for besides its records, counted with them when they are committed. */
  readonly seen = { keys: 0, filtered: 0, expired: 0, unchanged: 0 }
  /** Rows that are in the table already. What is among them is counted, and nothing else is kept of it. */
  known: KnownRows | undefined
  /** Those of the key whose records arrive. */
  #knownOfKey = 0

  constructor(compiled: CompiledMapping, table: TableRows) {
    super(table)
    this.compiled = compiled
  }

  get size(): number {
    return this.count + this.rejects.length
  }

  get empty(): boolean {
    return this.size === 0 && Object.values(this.seen).every((it) => it === 0)
  }

  override of(entry: Entry): this {
    if (entry.offset === 0) this.#knownOfKey = 0
    return super.of(entry)
  }

  override wrote(part: () => Part): void {
    const { tuples, known } = this
    if (!known?.holds(tuples)) {
      super.wrote(part)
      return
    }
    tuples.keep(tuples.count - 1)
    this.seen.unchanged += 1
    this.#knownOfKey += 1
  }

  reject(reject: Reject, part: () => Part): void {
    const { entry } = this
    this.rejects.push({ key: entry.key, part: part(), reject, ...sizeAndDigest(entry) })
  }

  filtered(): void {
    this.seen.filtered += 1
  }

  /** Takes back what was made of this entry, which was the last. */
  drop(key: Buffer): void {
    let kept = this.count
    while (kept > 0 && this.key(kept - 1).equals(key)) kept -= 1
    this.keep(kept)
    while (this.rejects.at(-1)?.key.equals(key)) this.rejects.pop()
    this.seen.unchanged -= this.#knownOfKey
    this.#knownOfKey = 0
  }

  /** Where it is now, to come back to. */
  mark(): Mark {
    return { rows: this.count, rejects: this.rejects.length, seen: { ...this.seen } }
  }

  /** Takes back what came after the mark. */
  rewind({ rows, rejects, seen }: Mark): void {
    this.keep(rows)
    this.rejects.length = rejects
    Object.assign(this.seen, seen)
    this.#knownOfKey = 0
  }

  unmapped(): void {
    // The survey reports these; a copy has no use for them.
  }

  override clear(): void {
    super.clear()
    this.rejects.length = 0
    Object.assign(this.seen, { keys: 0, filtered: 0, expired: 0, unchanged: 0 })
    this.#knownOfKey = 0
  }
}

/** How much there was in a batch at one time. */
export interface Mark {
  readonly rows: number
  readonly rejects: number
  readonly seen: Batch['seen']
}

/** A record on its way to the quarantine, with what is needed to find it again. */
export interface Rejected {
  readonly key: Buffer
  readonly part: Part
  readonly reject: Reject
  readonly bytes?: number
  readonly digest?: string
}

export const toQuarantine = (plan: string, mapping: string, rejected: Rejected): QuarantineRecord => ({
  plan,
  mapping,
  key: rejected.key,
  part: rejected.part,
  column: rejected.reject.column,
  code: rejected.reject.code,
  message: rejected.reject.message,
  bytes: rejected.bytes,
  digest: rejected.digest,
})

// Size and digest of a string's bytes: enough to tell later whether the value changed.
function sizeAndDigest(entry: Entry): { bytes?: number; digest?: string } {
  if (entry.value?.type !== 'string') return {}
  const { bytes } = entry.value
  return { bytes: bytes.length, digest: digestOf(bytes) }
}

/** The same for a row that its table refuses. That something has no parent is about the parent: what the row holds besides does not matter. */
export const fingerprint = ({ code }: Reject, tuple: Buffer): { digest?: string } =>
  code === 'ORPHAN' ? {} : { digest: digestOf(tuple) }

// One byte of a hash: a value that changed is noticed nearly always, and no value can be guessed back from it, however few there are.
const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex').slice(0, 2)

/** What became of the records of a batch. The words of every report; they add up to the number of records. */
export interface LoadCounts {
  inserted: number
  updated: number
  unchanged: number
  duplicate: number
  rejected: number
}

/** The same for a whole copy, with what it went through: keys, records that `where` left out, keys that had expired. */
export interface CopyCounts extends LoadCounts {
  keys: number
  filtered: number
  expired: number
}

export const noLoadCounts = (): LoadCounts => ({
  inserted: 0,
  updated: 0,
  unchanged: 0,
  duplicate: 0,
  rejected: 0,
})
export const noCounts = (): CopyCounts => ({ ...noLoadCounts(), keys: 0, filtered: 0, expired: 0 })

export function addCounts(a: CopyCounts, b: CopyCounts): CopyCounts {
  return {
    inserted: a.inserted + b.inserted,
    updated: a.updated + b.updated,
    unchanged: a.unchanged + b.unchanged,
    duplicate: a.duplicate + b.duplicate,
    rejected: a.rejected + b.rejected,
    keys: a.keys + b.keys,
    filtered: a.filtered + b.filtered,
    expired: a.expired + b.expired,
  }
}

/** What changes for copies whose records turned out to be something else than they were counted as. Nothing is counted below zero. */
export function shiftCounts<C extends { readonly compiled: Traceable; readonly counts: CopyCounts }>(
  copies: readonly C[],
  shifts: readonly Shift[],
): ReadonlyMap<C, CopyCounts> {
  return new Map(
    copies.map((copy) => {
      const changes = noCounts()
      const left = (of: keyof LoadCounts) => copy.counts[of] + changes[of]
      for (const { from, to, onlyIfCounted } of shifts.filter(
        (it) => it.writer === writerName(copy.compiled),
      )) {
        const counted = [from, 'unchanged', 'updated', 'inserted'].find(
          (it) => left(it as keyof LoadCounts) > 0,
        )
        if (onlyIfCounted && counted !== from) continue
        if (counted) changes[counted as keyof LoadCounts] -= 1
        changes[to] += 1
      }
      return [copy, changes]
    }),
  )
}
