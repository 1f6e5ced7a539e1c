import type { Difference } from '../../checks/differences.ts'
import { Batch, toQuarantine } from '../../executors/batch.ts'
import { loadCarefully } from '../../executors/careful.ts'
import type { Context } from '../../executors/executor.ts'
import { writersOf } from '../../executors/writers.ts'
import { failpoint } from '../../failpoint.ts'
import { forwardClaims } from '../../mapping/claim.ts'
import type { CompiledMapping } from '../../mapping/mapping.ts'
import { mappingsOf, type Plan } from '../../plan/plan.ts'
import { showTable } from '../../plan/table.ts'
import type { LiveRecord, LiveStore } from '../../sources/live-store.ts'
import { pendingOf } from '../../state/outbox.ts'
import { holdEpoch, RouteError } from '../../state/route.ts'
import { lockRows } from '../../state/row-locks.ts'
import { repeatably } from '../../state/schema.ts'
import { claim, findTouches, type Place, settleTouches, unitOf } from '../../state/touches.ts'
import { deleteRows } from '../../target/delete-rows.ts'
import { rowKeyOf } from '../../target/row-key.ts'
import { keyTupleOf, openTableRows, type TableRows } from '../../target/table-rows.ts'
import type { Transaction } from '../../target/target.ts'
import { placeOf, type Suspect } from './suspects.ts'

/** What became of suspects, counted by records of the store but for `deleted`, which counts rows. */
export interface Pulled {
  /** Their rows were written. */
  readonly written: number
  readonly deleted: number
  /** They agree after all: somebody wrote them while they were compared. */
  readonly alike: number
  readonly rejected: number
  /** A change of theirs is still on its way to the source. */
  readonly waiting: number
}

export const NOTHING_PULLED: Pulled = { written: 0, deleted: 0, alike: 0, rejected: 0, waiting: 0 }

export interface Pulling {
  readonly plan: Plan
  readonly epoch: number
  readonly live: LiveStore
  readonly context: Context
  /** May rows go that the source does not give any more? */
  readonly sweep: boolean
}

/** Records that are looked at in one transaction. */
export const TOGETHER = 200

/**
 * Makes the rows of some records what the source says, in one transaction that holds the records' locks: the application's writes of them
 * wait for it and win. A record that the application has written is only touched where nothing of it is on its way and both sides have the
 * same version: then somebody wrote to the source behind the protocol's back, and while instances may be alive that do, the source decides.
 */
export async function pull(suspects: readonly Suspect[], pulling: Pulling): Promise<Pulled> {
  const { plan, epoch, live, context } = pulling
  const { target, lease } = context
  const places = suspects.map((it) => it.place)
  const done = await repeatably(() =>
    target.transaction(async (tx) => {
      await lease.fence(tx)
      if (!(await holdEpoch(tx, plan.name, epoch)))
        throw new RouteError('ROUTE_CHANGED', `The route of ${plan.name} is not at epoch ${epoch} any more.`)
      const claimed = await claim(tx, plan.name, places)
      failpoint('catch-up.claimed')
      // Whoever could write these records through the protocol waits now, so this is what they are.
      const records = await live.read(places)
      const settled = await settledOf(tx, plan.name, { places, claimed, records, live })
      const sound = suspects.flatMap((suspect, at) =>
        claimed[at] || settled[at] ? [{ suspect, record: records[at]!, claimed: claimed[at]! }] : [],
      )
      const pulled = await writeRows(tx, sound, pulling)
      failpoint('catch-up.written')
      return { ...pulled, waiting: suspects.length - sound.length }
    }),
  )
  failpoint('catch-up.committed')
  return done
}

/** A record that may be written: it is claimed, or both sides have the same version of it. */
export interface Sound {
  readonly suspect: Suspect
  readonly record: LiveRecord
  readonly claimed: boolean
}

/** Of records that the application has written: is nothing on its way, and do both sides have the same version? */
async function settledOf(
  tx: Transaction,
  plan: string,
  {
    places,
    claimed,
    records,
    live,
  }: {
    readonly places: readonly Place[]
    readonly claimed: readonly boolean[]
    readonly records: readonly LiveRecord[]
    readonly live: Pick<LiveStore, 'underLock'>
  },
): Promise<readonly boolean[]> {
  const touches = await findTouches(tx, plan, places)
  const pending = new Set((await pendingOf(tx, plan, places)).map((it) => unitOf(it).toString('latin1')))
  return places.map(
    (place, at) =>
      !claimed[at] &&
      !pending.has(unitOf(place).toString('latin1')) &&
      // A store that keeps no versions has what is not on its way any more.
      (live.underLock || touches[at]?.version === records[at]!.version),
  )
}

/** Makes the rows of records what the source says, under their locks. */
export async function writeRows(
  tx: Transaction,
  sound: readonly Sound[],
  pulling: Pulling,
): Promise<Omit<Pulled, 'waiting'>> {
  const { plan, context, sweep } = pulling
  const { compiled, ledger } = context
  const tables = new Map<CompiledMapping, TableRows>()
  const batches = new Map<CompiledMapping, Batch>()
  for (const { name } of mappingsOf(plan)) {
    const mapping = compiled.mapping(plan.name, name)
    const { columns, keyIndexes, table } = mapping
    const opened = await openTableRows(tx, { name: table.name, columns, keyIndexes })
    tables.set(mapping, opened)
    batches.set(mapping, new Batch(mapping, opened))
  }
  const router = compiled.router(plan.source)
  for (const { record } of sound) {
    const { entry } = record
    if (!entry) continue
    forwardClaims(router.route(entry.key, entry.type), entry, (it) => batches.get(it)?.of(entry))
  }
  await lockShared(tx, sound, { pulling, tables, batches })
  await forgetQuarantine(tx, sound, pulling)
  const given = new Set<string>()
  const counts = { written: 0, deleted: 0, alike: 0, rejected: 0 }
  for (const [mapping, batch] of batches) {
    const table = tables.get(mapping)!
    for (let row = 0; row < batch.count; row++)
      given.add(nameOf(table, rowKeyOf(keyTupleOf(table, batch.tuples.tuple(row)))))
    if (batch.size === 0) continue
    const loading = { table, writers: writersOf(compiled, mapping.table.name), ledger }
    const loaded = await loadCarefully(tx, batch, loading)
    await ledger.quarantine.add(
      tx,
      loaded.rejects.map((it) => toQuarantine(plan.name, mapping.mapping.name, it)),
    )
    counts.written += loaded.counts.inserted + loaded.counts.updated
    counts.alike += loaded.counts.unchanged + loaded.counts.duplicate
    counts.rejected += loaded.counts.rejected
  }
  if (sweep) counts.deleted += await deleteGhosts(tx, sound, { pulling, tables, given })
  await leaveTombstones(tx, sound, pulling)
  return counts
}

/**
 * Rows that several records may give: whoever writes another of them through the protocol has committed and is seen, or waits. In file
 * order, as everybody takes them.
 */
async function lockShared(
  tx: Transaction,
  sound: readonly Sound[],
  {
    pulling: { context, sweep },
    tables,
    batches,
  }: {
    readonly pulling: Pulling
    readonly tables: ReadonlyMap<CompiledMapping, TableRows>
    readonly batches: ReadonlyMap<CompiledMapping, Batch>
  },
): Promise<void> {
  const shared = new Map<string, Buffer[]>()
  for (const [mapping, table] of tables) {
    if (!context.compiled.collides(mapping.table.name)) continue
    const name = showTable(mapping.table.name)
    const { tuples, count } = batches.get(mapping)!
    const given = Array.from({ length: count }, (_, row) => keyTupleOf(table, tuples.tuple(row)))
    const doomed = sweep ? extraOf(sound, mapping).map((it) => it.row!) : []
    shared.set(name, [...(shared.get(name) ?? []), ...[...given, ...doomed].map(rowKeyOf)])
  }
  for (const [name, rowKeys] of shared) await lockRows(tx, name, rowKeys)
}

/** Rows of a mapping that these records gave, and do not give any more. */
const extraOf = (sound: readonly Sound[], { mapping }: CompiledMapping): readonly Difference[] =>
  sound
    .flatMap(({ suspect }) => suspect.differences)
    .filter(({ kind, writer, row }) => kind === 'extra' && row && writer?.mapping === mapping.name)

// What is still refused comes in again.
async function forgetQuarantine(
  tx: Transaction,
  sound: readonly Sound[],
  { plan, context: { ledger } }: Pulling,
): Promise<void> {
  const keys = sound.map(({ suspect }) => suspect.place.key)
  const wanted = new Set(sound.map(({ suspect }) => unitOf(suspect.place).toString('latin1')))
  const known = await ledger.quarantine.find(tx, plan.name, keys)
  const ours = known.filter(({ mapping, key, part, accepted }) => {
    const place = placeOf(plan, mapping, key, part)
    return accepted === undefined && wanted.has(unitOf(place).toString('latin1'))
  })
  await ledger.quarantine.remove(tx, ours)
}

/** Rows of these records that the source does not give, looked at under the locks. */
async function deleteGhosts(
  tx: Transaction,
  sound: readonly Sound[],
  {
    pulling: { context },
    tables,
    given,
  }: {
    readonly pulling: Pulling
    readonly tables: ReadonlyMap<CompiledMapping, TableRows>
    readonly given: ReadonlySet<string>
  },
): Promise<number> {
  const { compiled, ledger } = context
  let deleted = 0
  for (const [mapping, table] of tables) {
    const name = showTable(mapping.table.name)
    const extra = extraOf(sound, mapping).filter((it) => !given.has(nameOf(table, rowKeyOf(it.row!))))
    const isTracked = compiled.tracked(mapping.table.name)
    const doomed = (isTracked ? await stillTheirs(tx, name, extra, ledger) : extra).map((it) => it.row!)
    if (doomed.length === 0) continue
    deleted += await deleteRows(tx, table, doomed)
    if (isTracked) await ledger.origins.remove(tx, name, doomed.map(rowKeyOf))
  }
  return deleted
}

/** Those that no other record has taken over since they were compared. */
async function stillTheirs(
  tx: Transaction,
  table: string,
  extra: readonly Difference[],
  { origins }: Pick<Context['ledger'], 'origins'>,
): Promise<readonly Difference[]> {
  const found = await origins.find(
    tx,
    table,
    extra.map((it) => rowKeyOf(it.row!)),
  )
  return extra.filter((it, at) => {
    const origin = found[at]
    return origin && it.key && origin.key.equals(it.key) && origin.part === it.part
  })
}

const nameOf = ({ name }: TableRows, rowKey: Buffer): string =>
  `${showTable(name)} ${rowKey.toString('latin1')}`

/** Records that are gone from the source leave tombstones: nothing but a live write makes them again. */
async function leaveTombstones(
  tx: Transaction,
  sound: readonly Sound[],
  { plan, sweep }: Pulling,
): Promise<void> {
  const placesOf = (some: readonly Sound[]) => some.map(({ suspect }) => suspect.place)
  const gone = sound.filter(({ record }) => !record.entry)
  if (sweep) {
    await claim(tx, plan.name, placesOf(gone.filter((it) => it.claimed)), { deleted: true })
    await settleTouches(tx, plan.name, placesOf(gone.filter((it) => !it.claimed)), true)
  }
  const there = sound.filter(({ record, claimed }) => record.entry && !claimed)
  await settleTouches(tx, plan.name, placesOf(there), false)
}
