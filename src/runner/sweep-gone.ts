import type { Context } from '../executors/executor.ts'
import { forwardClaims } from '../mapping/claim.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import { mappingsOf, type Plan } from '../plan/plan.ts'
import { showTable } from '../plan/table.ts'
import { withoutExpiredFields } from '../sources/part.ts'
import { repeatably } from '../state/schema.ts'
import { databaseClock } from '../target/clock.ts'
import { deleteRows } from '../target/delete-rows.ts'
import { rowKeyOf } from '../target/row-key.ts'
import { keyTupleOf, openTableRows, type TableRows } from '../target/table-rows.ts'
import { mayDelete } from './converge/fuse.ts'
import { findSuspects } from './converge/suspects.ts'
import type { Session } from './session.ts'

/**
 * Deletes the rows of a plan in phase A whose records are gone from the source, which a copy does not see: the source is compared with the
 * tables, and what only the tables have is read once more before it goes. Rows that were there before the migration stay. Nothing is
 * deleted where that are more than go unasked.
 */
export async function sweepGone(
  session: Session,
  context: Context,
  { plan, confirmDeletes }: { readonly plan: Plan; readonly confirmDeletes: number | undefined },
): Promise<Swept> {
  const { signal } = context
  const found = await findSuspects(session, plan, { signal })
  const beyond = found.tables.find(({ rows, extra }) => extra > mayDelete(rows, confirmDeletes))
  if (beyond) return { deleted: new Map(), held: beyond }
  const extra = found.list.flatMap((it) => it.differences.filter(({ kind }) => kind === 'extra'))
  if (extra.length === 0) return { deleted: new Map() }
  const given = await stillGiven(
    context,
    plan,
    extra.flatMap((it) => it.key ?? []),
  )
  const deleted = new Map<string, number>()
  // Children were declared after their parents.
  for (const { name } of [...mappingsOf(plan)].reverse()) {
    const mapping = context.compiled.mapping(plan.name, name)
    const rows = extra.flatMap(({ row, key, writer }) =>
      row && writer?.mapping === name && !(key && given.has(rejectedOf(mapping, key))) ? [row] : [],
    )
    if (rows.length === 0) continue
    const gone = await takeOut(context, mapping, rows, given)
    if (gone > 0) deleted.set(`${plan.name}/A/backfill/${name}`, gone)
  }
  return { deleted }
}

export interface Swept {
  /** How many rows went, by the step that had copied them. */
  readonly deleted: ReadonlyMap<string, number>
  /** The table of which more would have gone than go unasked. */
  readonly held?: { readonly table: string; readonly rows: number; readonly extra: number }
}

/** The rows that these keys give by now, by their names (one may have come back since it was compared), and the keys that have a reject. */
async function stillGiven(
  context: Context,
  plan: Plan,
  keys: readonly Buffer[],
): Promise<ReadonlySet<string>> {
  const { target, compiled } = context
  const tables = await target.transaction(
    async (tx) => {
      const opened = new Map<CompiledMapping, TableRows>()
      for (const { name } of mappingsOf(plan)) {
        const mapping = compiled.mapping(plan.name, name)
        opened.set(mapping, await open(tx, mapping))
      }
      return opened
    },
    { readOnly: true },
  )
  const given = new Set<string>()
  const clock = await databaseClock(context)
  const router = compiled.router(plan.source)
  for await (const page of (await context.source(plan.source)).read(distinct(keys)))
    for (const entry of page.entries) {
      if (entry.expiresAt !== null && entry.expiresAt <= clock()) continue
      const claims = router.route(entry.key, entry.type)
      forwardClaims(claims, withoutExpiredFields(entry, clock()), (mapping) => {
        const table = tables.get(mapping)
        if (!table) return undefined
        return {
          row: (row) => given.add(nameOf(mapping, keyTupleOf(table, table.tuple(row)))),
          // It is not gone: what it gave last stays until somebody has seen to the quarantine.
          reject: () => given.add(rejectedOf(mapping, entry.key)),
          filtered: () => {},
          unmapped: () => {},
        }
      })
    }
  return given
}

async function takeOut(
  { target, lease, ledger, compiled }: Context,
  mapping: CompiledMapping,
  rows: readonly Buffer[],
  given: ReadonlySet<string>,
): Promise<number> {
  const name = showTable(mapping.table.name)
  const isTracked = compiled.tracked(mapping.table.name)
  const gone = rows.filter((it) => !given.has(nameOf(mapping, it)))
  return repeatably(() =>
    target.transaction(async (tx) => {
      await lease.fence(tx)
      const origins = isTracked ? await ledger.origins.find(tx, name, gone.map(rowKeyOf)) : []
      const doomed = gone.filter((_, at) => !origins[at]?.existed)
      const deleted = await deleteRows(tx, await open(tx, mapping), doomed)
      if (isTracked) await ledger.origins.remove(tx, name, doomed.map(rowKeyOf))
      return deleted
    }),
  )
}

const open = (
  tx: Parameters<typeof openTableRows>[0],
  { columns, keyIndexes, table }: CompiledMapping,
): Promise<TableRows> => openTableRows(tx, { name: table.name, columns, keyIndexes })

const nameOf = ({ table: { name } }: CompiledMapping, keyTuple: Buffer): string =>
  `${showTable(name)} ${keyTuple.toString('latin1')}`

const rejectedOf = ({ table: { name } }: CompiledMapping, key: Buffer): string =>
  `rejected ${showTable(name)} ${key.toString('latin1')}`

const distinct = (keys: readonly Buffer[]): readonly Buffer[] => [
  ...new Map(keys.map((it) => [it.toString('latin1'), it])).values(),
]
