import { showTable } from '../plan/table.ts'
import type { Ledger } from '../state/ledger.ts'
import { DatabaseError } from '../target/error.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Reject, Row } from '../value.ts'
import { failpoint } from '../failpoint.ts'
import { type Batch, type LoadCounts, noLoadCounts, type Rejected } from './batch.ts'
import { decide, type RecordId, type Rival, settle } from './resolve.ts'
import { Stage } from './stage.ts'

/** What loading needs besides the batch and its table. */
export interface Careful {
  readonly ledger: Ledger
  /** Are origins kept for the table? */
  readonly tracked: boolean
  /** Place of a mapping in its plan. */
  readonly order: (mapping: string) => number
  readonly stageName: string
}

export interface Loaded {
  readonly counts: LoadCounts
  /** Records of this batch, and of earlier ones where two fought over a row. */
  readonly rejects: readonly Rejected[]
}

/**
 * Writes a batch by COPY straight into its table. Throws the server's `DatabaseError` when a row is refused, be it for a key that is there
 * already; the transaction is lost then, and the caller writes the batch again with `loadCarefully`.
 */
export async function loadDirectly(tx: Transaction, batch: Batch, table: TableRows, { ledger, tracked }: Careful): Promise<Loaded> {
  const order = sortedPlaces(batch.rows, table)
  const writer = table.writer()
  for (const place of order) writer.append(batch.rows[place]!)
  await tx.copyIn(table.name, table.columnNames, [writer.all()])
  if (tracked) {
    const { name } = batch.compiled.mapping
    const origins = batch.rows.map((row, place) => ({
      row: table.rowKey(row),
      mapping: name,
      key: batch.keys[place]!,
      part: batch.parts[place]!(),
    }))
    await ledger.origins.copy(
      tx,
      showTable(table.name),
      origins.sort((a, b) => Buffer.compare(a.row, b.row)),
    )
  }
  const counts = { ...noLoadCounts(), inserted: batch.rows.length, rejected: batch.rejects.length }
  return { counts, rejects: batch.rejects }
}

/**
 * Writes a batch row by row as far as it must: compares with what is there, settles records that give the same row, and quarantines
 * exactly the rows that the table refuses.
 */
export async function loadCarefully(
  tx: Transaction,
  batch: Batch,
  table: TableRows,
  { ledger, tracked, order, stageName }: Careful,
): Promise<Loaded> {
  const { mapping, plan } = batch.compiled
  const counts = noLoadCounts()
  const rejects: Rejected[] = [...batch.rejects]
  const tuples = batch.rows.map((row) => table.tuple(row))
  const rowKeys = batch.rows.map((row) => table.rowKey(row))
  const refuse = (index: number, reject: Reject): void => {
    rejects.push({ key: batch.keys[index]!, part: batch.parts[index]!(), reject })
  }

  // 1. Within the batch: one record for each row key.
  const standing: number[] = []
  const contested = new Set<string>()
  for (const rivals of groupBy(batch.rows.keys(), (index) => rowKeys[index]!.toString('latin1')).values()) {
    if (rivals.length === 1) {
      standing.push(rivals[0]!)
      continue
    }
    const rank = table.columnNames.indexOf('column' in mapping.conflict ? mapping.conflict.column : '')
    const verdict = settle(
      mapping.conflict,
      rivals.map((index): Rival => ({ index, key: batch.keys[index]!, part: batch.parts[index]!(), tuple: tuples[index]!, rank: batch.rows[index]![rank] ?? null })),
      table.columns[rank]?.type.base === 'numeric',
    )
    if (verdict === 'contested') {
      for (const index of rivals) refuse(index, conflict(table))
      contested.add(rowKeys[rivals[0]!]!.toString('latin1'))
      if (tracked) standing.push(rivals[0]!)
    } else {
      standing.push(verdict.winner)
      counts.duplicate += rivals.length - 1
    }
  }
  if (standing.length === 0) return { counts: { ...counts, rejected: rejects.length }, rejects }

  // 2. Against what is there.
  const stage = await Stage.create(
    tx,
    table,
    stageName,
    standing.map((index) => tuples[index]!),
    standing,
  )
  failpoint('backfill.conflict-staged')
  const existing = await stage.existing('column' in mapping.conflict ? mapping.conflict.column : undefined)
  const origins = tracked
    ? await ledger.origins.find(
        tx,
        showTable(table.name),
        standing.map((index) => rowKeys[index]!),
      )
    : []
  const inserts: number[] = []
  const updates: number[] = []
  const deletes: number[] = []
  const contests: number[] = []
  for (const [place, index] of standing.entries()) {
    const origin = origins[place]
    const there = existing.get(index)
    if (contested.has(rowKeys[index]!.toString('latin1'))) {
      if (origin && origin.mapping !== '' && there) {
        deletes.push(index)
        rejects.push({ key: origin.key, part: origin.part, reject: conflict(table) })
      }
      contests.push(index)
      continue
    }
    const owner = origin ? (origin.mapping === '' ? 'contested' : origin) : undefined
    if (!there && owner !== 'contested') {
      inserts.push(index)
      continue
    }
    const record: RecordId = { mapping: mapping.name, key: batch.keys[index]!, part: batch.parts[index]!() }
    const decision = decide({
      mapping,
      record,
      owner: tracked ? owner : 'ours',
      same: there?.same ?? false,
      rank: there?.rank ?? 'unknown',
      order,
    })
    if (decision === 'update') updates.push(index)
    else if (decision === 'unchanged') counts.unchanged += 1
    else if (decision === 'duplicate') counts.duplicate += 1
    else if (decision === 'existing') refuse(index, existingRow(table))
    else {
      refuse(index, conflict(table))
      contests.push(index)
      if (there && origin && origin.mapping !== '') {
        deletes.push(index)
        rejects.push({ key: origin.key, part: origin.part, reject: conflict(table) })
      }
    }
  }

  // 3. Writing, with the rows the table refuses set aside.
  const set = { tx, stage, table, refuse }
  if (deletes.length > 0) await stage.delete(deletes)
  const inserted = await writeWhatFits(set, inserts, (numbers) => stage.insert(numbers))
  const updated = await writeWhatFits(set, updates, (numbers) => stage.update(numbers))
  counts.inserted = inserted.length
  counts.updated = updated.length
  if (tracked) {
    await ledger.origins.save(tx, showTable(table.name), [
      ...[...inserted, ...updated].map((index) => ({
        row: rowKeys[index]!,
        mapping: mapping.name,
        key: batch.keys[index]!,
        part: batch.parts[index]!(),
      })),
      ...contests.map((index) => ({ row: rowKeys[index]!, mapping: '', key: Buffer.alloc(0), part: plan })),
    ])
  }
  return { counts: { ...counts, rejected: rejects.length }, rejects }
}

interface WriteSet {
  readonly tx: Transaction
  readonly stage: Stage
  readonly table: TableRows
  readonly refuse: (index: number, reject: Reject) => void
}

// Writes all that the table takes. A refused statement is halved until the rows at fault stand alone; orphans are found by one query,
// because there may be many of them.
async function writeWhatFits(
  set: WriteSet,
  numbers: readonly number[],
  write: (numbers: readonly number[]) => Promise<void>,
): Promise<readonly number[]> {
  if (numbers.length === 0) return []
  await set.tx.query('SAVEPOINT kvmig_write')
  try {
    await write(numbers)
    await set.tx.query('RELEASE SAVEPOINT kvmig_write')
    return numbers
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.class !== 'quarantine') throw error
    await set.tx.query('ROLLBACK TO SAVEPOINT kvmig_write')
    const reference = error.sqlState === '23503' ? set.table.references.find((it) => it.name === error.constraint) : undefined
    if (reference) {
      const orphans = new Set(await set.stage.orphans(numbers, reference))
      if (orphans.size > 0) {
        for (const index of orphans) {
          set.refuse(index, { code: 'ORPHAN', message: `There is no row of ${showTable(reference.to)} that ${reference.columns.join(', ')} could refer to.`, ...column(reference.columns) })
        }
        return writeWhatFits(set, numbers.filter((it) => !orphans.has(it)), write)
      }
    }
    if (numbers.length === 1) {
      set.refuse(numbers[0]!, refusal(error, set.table))
      return []
    }
    const half = numbers.length >> 1
    return [
      ...(await writeWhatFits(set, numbers.slice(0, half), write)),
      ...(await writeWhatFits(set, numbers.slice(half), write)),
    ]
  }
}

const column = (columns: readonly string[]): { column?: string } => (columns.length === 1 ? { column: columns[0]! } : {})

const conflict = (table: TableRows): Reject => ({
  code: 'CONFLICT',
  message: `Several records give the same row of ${showTable(table.name)} (${table.key.map((it) => it.name).join(', ')}) with different content, and the mapping's conflict policy does not choose between them.`,
})

const existingRow = (table: TableRows): Reject => ({
  code: 'EXISTING_ROW',
  message: `${showTable(table.name)} had another row with this key before the migration; kvmig does not touch it (existing: update would).`,
})

function refusal(error: DatabaseError, table: TableRows): Reject {
  const at = error.column ? { column: error.column } : {}
  if (error.sqlState === '23505') {
    return { code: 'UNIQUE_VIOLATION', message: `Another row of ${showTable(table.name)} has the same value under the unique constraint ${error.constraint}.`, ...at }
  }
  if (error.sqlState === '23502') return { code: 'NULL_NOT_ALLOWED', message: `${showTable(table.name)} wants a value here.`, ...at }
  const rule = error.constraint ? ` (constraint ${error.constraint})` : ''
  return { code: 'CONSTRAINT', message: `${showTable(table.name)} refused the row: SQLSTATE ${error.sqlState}${rule}.`, ...at }
}

// Random keys into a B-tree are what makes COPY slow at millions of rows; a batch in the order of its key is not random.
function sortedPlaces(rows: readonly Row[], { keyIndexes }: TableRows): readonly number[] {
  const places = [...rows.keys()]
  const first = keyIndexes[0]
  if (first === undefined) return places
  const cells = rows.map((row) => row[first]!)
  return places.sort((a, b) => (cells[a]! < cells[b]! ? -1 : cells[a]! > cells[b]! ? 1 : 0))
}

function groupBy(indexes: Iterable<number>, word: (index: number) => string): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  for (const index of indexes) {
    const key = word(index)
    const group = groups.get(key)
    if (group) group.push(index)
    else groups.set(key, [index])
  }
  return groups
}
