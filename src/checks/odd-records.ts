import type { CompiledMapping, Part } from '../mapping/mapping.ts'
import { rankOf } from '../mapping/rank.ts'
import { decide } from '../mapping/resolve.ts'
import { showTable } from '../plan/table.ts'
import type { Ledger, Origin } from '../state/ledger.ts'
import { writerName } from '../state/trace.ts'
import { cellsOf, type TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'

/** A record whose row is the one with this number of a batch. */
export interface RowRecord {
  readonly number: number
  readonly key: Buffer
  readonly part: Part
}

/** A record without the row it gives. */
export interface Odd {
  readonly it: RowRecord
  readonly found: 'missing' | 'different'
  readonly keyTuple?: Buffer
  /** The row is its own, and differs or is not there. */
  readonly owns?: boolean
  readonly giving?: Giving
}

/** Another record has the row. */
interface Giving {
  readonly row: Buffer
  readonly given: Buffer
  readonly there: Buffer
  readonly origin: Origin
}

interface Deciding {
  readonly compiled: CompiledMapping
  /** All mappings that write the table, in file order. */
  readonly writers: readonly CompiledMapping[]
  readonly table: TableRows
  readonly ledger: Ledger
}

/** Why records of a mapping do not have the rows they give, each in its place; undefined where nothing explains it, and it is a difference. */
export async function fatesOf(
  tx: Transaction,
  odd: readonly Odd[],
  deciding: Deciding,
): Promise<readonly ('quarantined' | 'gave way' | undefined)[]> {
  if (odd.length === 0) return []
  const { compiled, table, ledger } = deciding
  const { plan, mapping } = compiled
  const keys = odd.map(({ it }) => it.key)
  const inQuarantine = new Set(
    (await ledger.quarantine.find(tx, plan, keys)).filter((it) => it.mapping === mapping.name).map(nameOf),
  )
  const rows = odd.flatMap(({ it, giving }) => (giving && !inQuarantine.has(nameOf(it)) ? [giving.row] : []))
  const rivals = new Set(
    (await ledger.origins.rivals.of(tx, showTable(table.name), rows))
      .filter((it) => it.writer === writerName(compiled))
      .map((it) => `${it.row.toString('latin1')}${nameOf(it)}`),
  )
  return odd.map(({ it, giving }) => {
    if (inQuarantine.has(nameOf(it))) return 'quarantined'
    const isRival = giving && rivals.has(`${giving.row.toString('latin1')}${nameOf(it)}`)
    return isRival && givesWay(it, giving, deciding) ? 'gave way' : undefined
  })
}

/** Does the record still agree with the row of another one, or give way to it by the policy? */
function givesWay(
  { key, part }: RowRecord,
  { given, there, origin }: Giving,
  { compiled, writers, table }: Deciding,
): boolean {
  const owner = writers.findIndex((it) => writerName(it) === origin.writer)
  const policy = writers[owner]?.mapping.conflict ?? { policy: 'error' }
  const record = {
    writer: writers.indexOf(compiled),
    policy: compiled.mapping.conflict,
    key,
    part,
    cells: cellsOf(table, given),
  }
  return (
    decide(record, { writer: owner, policy }, cellsOf(table, there), rankOf(table.columns)) === 'gives way'
  )
}

const nameOf = ({ key, part }: Pick<RowRecord, 'key' | 'part'>): string =>
  `${key.toString('latin1')}\0${part}`
