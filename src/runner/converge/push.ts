import type { Context } from '../../executors/executor.ts'
import { failpoint } from '../../failpoint.ts'
import { forwardClaims } from '../../mapping/claim.ts'
import { groupOf } from '../../mapping/group.ts'
import type { CompiledMapping } from '../../mapping/mapping.ts'
import type { RowOf } from '../../mapping/together.ts'
import { wayBack } from '../../mapping/way-back.ts'
import type { Plan } from '../../plan/plan.ts'
import { type Change, encodeChange } from '../../sources/change.ts'
import type { LiveRecord, LiveStore } from '../../sources/live-store.ts'
import type { Entry } from '../../sources/source.ts'
import { pendingOf } from '../../state/outbox.ts'
import { holdEpoch, RouteError } from '../../state/route.ts'
import { type Advance, advance, claim, findTouches, type Touch, unitOf } from '../../state/touches.ts'
import { decodeTuple } from '../../target/decode-tuple.ts'
import { readRows } from '../../target/read-rows.ts'
import { rowsWhere } from '../../target/rows-where.ts'
import { openTableRows, reachTypes, type TableRows } from '../../target/table-rows.ts'
import type { Transaction } from '../../target/target.ts'
import type { Row } from '../../value.ts'
import { type Sound, writeRows } from './pull.ts'
import type { Suspect } from './suspects.ts'

/** What became of suspects while Postgres is the authority, by records of the store. */
export interface Pushed {
  /** The source gets what Postgres has: their change is in the outbox. */
  readonly repaired: number
  /** Only the source had them, and they were taken over. */
  readonly adopted: number
  readonly alike: number
  /** A change of theirs is on its way. */
  readonly waiting: number
  /** Only the source has them, and nobody said that they may be taken over. */
  readonly foreign: number
  /** There is no way back, or several mappings or records share the rows. */
  readonly beyond: number
}

export const NOTHING_PUSHED: Pushed = { repaired: 0, adopted: 0, alike: 0, waiting: 0, foreign: 0, beyond: 0 }

export interface Pushing {
  readonly plan: Plan
  readonly epoch: number
  readonly live: LiveStore
  readonly context: Context
  /** Records that only the source has become rows. */
  readonly adopt: boolean
}

/**
 * Makes the source what Postgres says for some records, in one transaction that holds their locks: each repair is a new version with its
 * change in the outbox, like any write, so it wins against what is in the store and loses against whatever the application writes later.
 */
export async function push(suspects: readonly Suspect[], pushing: Pushing): Promise<Pushed> {
  const { plan, epoch, live, context, adopt } = pushing
  const { target, lease } = context
  const places = suspects.map((it) => it.place)
  return target.transaction(async (tx) => {
    await lease.fence(tx)
    if (!(await holdEpoch(tx, plan.name, epoch)))
      throw new RouteError('ROUTE_CHANGED', `The route of ${plan.name} is not at epoch ${epoch} any more.`)
    const touches = await findTouches(tx, plan.name, places)
    const claimed = await claim(tx, plan.name, places)
    const records = await live.read(places)
    const pending = new Set(
      (await pendingOf(tx, plan.name, places)).map((it) => unitOf(it).toString('latin1')),
    )
    const counts = { ...NOTHING_PUSHED }
    const tables = new Map<CompiledMapping, TableRows>()
    const changes: Advance[] = []
    const foreign: Sound[] = []
    for (const [at, suspect] of suspects.entries()) {
      const { place } = suspect
      if (pending.has(unitOf(place).toString('latin1'))) {
        counts.waiting += 1
        continue
      }
      const side = await look(tx, { suspect, record: records[at]!, touch: touches[at], pushing, tables })
      if (side.state === 'repair')
        changes.push({ ...place, deleted: side.change.do === 'delete', change: encodeChange(side.change) })
      else if (side.state === 'foreign')
        foreign.push({ suspect, record: records[at]!, claimed: claimed[at]! })
      else counts[side.state] += 1
    }
    if (changes.length > 0) {
      await advance(tx, { plan: plan.name, epoch }, changes)
      counts.repaired += changes.length
    }
    if (adopt && foreign.length > 0) {
      await writeRows(tx, foreign, { plan, epoch, live, context, sweep: false })
      counts.adopted += foreign.length
    } else counts.foreign += foreign.length
    failpoint('reconcile.written')
    return counts
  })
}

type Looked =
  | { readonly state: 'alike' | 'foreign' | 'beyond' }
  | { readonly state: 'repair'; readonly change: Change }

/** Compares one record on both sides, under its lock. */
async function look(
  tx: Transaction,
  {
    suspect,
    record,
    touch,
    pushing,
    tables,
  }: {
    readonly suspect: Suspect
    readonly record: LiveRecord
    readonly touch: Touch | undefined
    readonly pushing: Pushing
    /** Those that were looked up before, in this transaction. */
    readonly tables: Map<CompiledMapping, TableRows>
  },
): Promise<Looked> {
  const { plan, context } = pushing
  const { entry } = record
  const given: { mapping: CompiledMapping; row: Row }[] = []
  if (entry)
    forwardClaims(context.compiled.router(plan.source).route(entry.key, entry.type), entry, (mapping) => ({
      row: (row) => given.push({ mapping, row }),
      reject: () => {},
      filtered: () => {},
      unmapped: () => {},
    }))
  const name = given[0]?.mapping.mapping.name ?? suspect.differences[0]?.writer?.mapping
  if (name === undefined) return { state: 'alike' }
  const mapping = context.compiled.mapping(plan.name, name)
  const table = tables.get(mapping) ?? (await openRows(tx, mapping))
  tables.set(mapping, table)
  const group = groupOf(plan, mapping.mapping).map((it) => context.compiled.mapping(plan.name, it.name))
  if (mapping.grain === 'key' && (mapping.mapping.each || group.length > 1))
    return lookWhole(tx, { suspect, entry, touch, given, group, tables, context })
  if (given.length > 1 || suspect.differences.length > 1) return { state: 'beyond' }
  const [there] = await rowsOf(tx, table, given[0]?.row, suspect)
  if (!there) {
    if (!entry) return { state: 'alike' }
    // A tombstone: the application deleted it, and the source has it again.
    return touch?.origin === 'live' && touch.deleted
      ? { state: 'repair', change: { do: 'delete' } }
      : { state: 'foreign' }
  }
  if (given[0] && table.tuple(given[0].row).equals(there)) return { state: 'alike' }
  if (!mapping.inverse) return { state: 'beyond' }
  const { value, expiresAt } = mapping.inverse([
    decodeTuple(
      table.wires.map((it) => it.wire),
      there,
    ),
  ])
  return value ? { state: 'repair', change: { do: 'put', value, expiresAt } } : { state: 'beyond' }
}

/** The same where a record has any number of rows, of one mapping or of several: they are compared, and give the entry back, together. */
async function lookWhole(
  tx: Transaction,
  {
    suspect: { place },
    entry,
    touch,
    given,
    group,
    tables,
    context: { compiled },
  }: {
    readonly suspect: Suspect
    readonly entry: Entry | undefined
    readonly touch: Touch | undefined
    readonly given: readonly RowOf[]
    /** All that read the entry. */
    readonly group: readonly CompiledMapping[]
    readonly tables: Map<CompiledMapping, TableRows>
    readonly context: Context
  },
): Promise<Looked> {
  const { inverse } = wayBack(group, compiled)
  if (!inverse || !group.every((it) => it.sourceOf) || given.some((it) => !group.includes(it.mapping)))
    return { state: 'beyond' }
  const there: (RowOf & { readonly name: string })[] = []
  const nameOf = (mapping: CompiledMapping, tuple: Buffer): string =>
    `${group.indexOf(mapping)} ${tuple.toString('latin1')}`
  for (const mapping of group) {
    const table = tables.get(mapping) ?? (await openRows(tx, mapping))
    tables.set(mapping, table)
    const cells = compiled.keyCells(mapping, place)
    const wires = table.wires.map((it) => it.wire)
    const found = await rowsWhere(
      tx,
      table,
      cells.map(([name]) => name),
      cells.map(([, cell]) => cell),
    )
    for (const tuple of found) {
      const row = decodeTuple(wires, tuple)
      const from = mapping.sourceOf!(mapping.keyIndexes.map((it) => row[it]!))
      if (from.key.equals(place.key)) there.push({ mapping, row, name: nameOf(mapping, tuple) })
    }
  }
  if (there.length === 0) {
    if (!entry) return { state: 'alike' }
    const isDeleted = touch?.origin === 'live' && touch.deleted
    return isDeleted ? { state: 'repair', change: { do: 'delete' } } : { state: 'foreign' }
  }
  const wanted = new Set(there.map((it) => it.name))
  const same = given.filter(({ mapping, row }) =>
    wanted.has(nameOf(mapping, tables.get(mapping)!.tuple(row))),
  )
  if (same.length === wanted.size && given.length === wanted.size) return { state: 'alike' }
  const { value, expiresAt } = inverse(there)
  return value ? { state: 'repair', change: { do: 'put', value, expiresAt } } : { state: 'beyond' }
}

const openRows = (tx: Transaction, { columns, keyIndexes, table }: CompiledMapping): Promise<TableRows> =>
  openTableRows(tx, { name: table.name, columns, keyIndexes })

async function rowsOf(
  tx: Transaction,
  table: TableRows,
  given: Row | undefined,
  { differences }: Suspect,
): Promise<readonly (Buffer | undefined)[]> {
  const key = differences[0]?.row
  const cells = given
    ? table.keyIndexes.map((it) => given[it]!)
    : key &&
      decodeTuple(
        table.keyWires.map((it) => it.wire),
        key,
      )
  if (!cells) return [undefined]
  await reachTypes(tx, table)
  return readRows(tx, table.name, table.wires, table.keyWires, [cells])
}
