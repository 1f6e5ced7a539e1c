import type { CompiledMapping } from '../mapping/mapping.ts'
import type { Merge } from '../plan/plan.ts'
import { showTable } from '../plan/table.ts'
import type { Ledger, Rival } from '../state/ledger.ts'
import { type Traced, tracedTo } from '../state/trace.ts'
import { rowKeyOf } from '../target/row-key.ts'
import { readTuples } from '../target/table-rows.ts'
import { type Contender, Contenders } from './contenders.ts'
import { type Reread, readRecords } from './read-records.ts'

export interface MergedTable {
  /** All mappings that write it, in file order. */
  readonly writers: readonly CompiledMapping[]
  readonly merges: readonly Merge[]
  readonly ledger: Ledger
  readonly reread: Reread
}

/** A row that several records give, held against what they give now. */
export interface MergedRow {
  readonly verdict: 'alike' | 'missing' | 'different'
  readonly keyTuple: Buffer
  /** All its records that the ledger knows, the one that it is named after first. */
  readonly records: readonly Traced[]
}

/** Rows that are read again and compared at once. */
const ROWS = 10_000

/** Compares every merged row of a table that one of `own` is named after. Rows that no record gives any more are left out. */
export async function* allMergedRows(
  table: MergedTable,
  own: ReadonlySet<string>,
): AsyncGenerator<MergedRow> {
  const { ledger, reread, writers } = table
  const name = showTable(writers[0]!.table.name)
  for (let after = Buffer.alloc(0); ; ) {
    const rows = await reread.target.transaction((tx) => ledger.origins.rivals.rows(tx, name, after, ROWS))
    if (rows.length === 0) return
    after = Buffer.from(rows.at(-1)!)
    yield* await mergedRows(rows, table, own)
  }
}

/** The same for some rows, by their row keys. */
export async function mergedRows(
  rows: readonly Buffer[],
  { writers, merges, ledger, reread }: MergedTable,
  own: ReadonlySet<string>,
): Promise<readonly MergedRow[]> {
  const { target } = reread
  const name = showTable(writers[0]!.table.name)
  const known = new Map<string, Rival[]>()
  await target.transaction(async (tx) => {
    known.clear()
    for (const it of await ledger.origins.find(tx, name, rows))
      if (it?.state === 'stands' && own.has(it.writer)) known.set(rowOf(it), [it])
    for (const it of await ledger.origins.rivals.of(tx, name, rows)) known.get(rowOf(it))?.push(it)
  })
  const found = await readRecords([...known.values()].flat(), writers, reread)
  return target.transaction(async (tx): Promise<readonly MergedRow[]> => {
    const made = await Contenders.open(tx, writers, merges)
    const byRow = new Map<string, Contender[]>()
    for (const it of await made.of(found)) {
      const row = rowKeyOf(it.keyTuple).toString('latin1')
      if (known.get(row)?.some((one) => isOf(one, it))) byRow.set(row, [...(byRow.get(row) ?? []), it])
    }
    const compared: MergedRow[] = []
    for (const [row, contenders] of byRow) {
      const outcome = await made.rowOf(contenders)
      const given = typeof outcome === 'object' && 'owner' in outcome ? outcome : undefined
      const { access, cellsOfRow, keyTuple } = given ?? contenders[0]!
      const [there] = await readTuples(tx, access, [cellsOfRow])
      const isWhole = contenders.length === known.get(row)!.length
      const isAlike = given && isWhole && there?.equals(given.tuple)
      compared.push({
        verdict: isAlike ? 'alike' : there ? 'different' : 'missing',
        keyTuple,
        records: known.get(row)!.flatMap((it) => tracedTo(it, writers) ?? []),
      })
    }
    return compared
  })
}

const rowOf = ({ row }: Pick<Rival, 'row'>): string => row.toString('latin1')

const isOf = ({ writer, key, part }: Rival, it: Contender): boolean =>
  writer === it.mapping && part === it.part && key.equals(it.key)
