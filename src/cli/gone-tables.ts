import { KvmigError } from '../errors.ts'
import { showTable, type TableName } from '../plan/table.ts'
import { listed } from '../report/wording.ts'
import type { Session } from '../runner/session.ts'
import { textArray } from '../target/parameters.ts'
import type { Standing } from './standing.ts'

/** A table that kvmig made for a plan, and that somebody dropped since. */
export interface GoneTable {
  readonly table: string
  /** Plans that filled it: what is remembered of them has to go before it can be made again. */
  readonly plans: readonly string[]
}

/** Tables that steps still count on, although nobody finds them in the target any more. */
export async function goneTables(
  { target }: Pick<Session, 'target'>,
  { records, states, undo }: Pick<Standing, 'records' | 'states' | 'undo'>,
): Promise<readonly GoneTable[]> {
  const undone = new Set(undo.map((it) => it.id))
  const done = [...records.values()].filter((it) => states.has(it.id) && !undone.has(it.id))
  const made = done.flatMap((it): TableName[] =>
    it.kind === 'table' && it.state === 'done' ? [it.definition.table.name] : [],
  )
  if (made.length === 0) return []
  const rows = await target.transaction(
    (tx) =>
      tx.query(
        `SELECT t.n FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(schema, name, n)
          WHERE NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
            WHERE s.nspname = t.schema AND c.relname = t.name) ORDER BY t.n`,
        [textArray(made.map((it) => it.schema)), textArray(made.map((it) => it.table))],
      ),
    { readOnly: true },
  )
  return rows.map(({ n }) => {
    const table = showTable(made[Number(n) - 1]!)
    const plans = done.flatMap((it) =>
      it.plan !== undefined &&
      (it.kind === 'backfill' || it.kind === 'table') &&
      showTable(it.definition.table.name) === table
        ? [it.plan]
        : [],
    )
    return { table, plans: [...new Set(plans)].sort() }
  })
}

/** What to do about one. */
export const wayBack = ({ plans }: GoneTable): string =>
  `kvmig rollback ${plans.join(' ')} forgets what was copied into it, then kvmig apply --phase=A makes and fills it again.`

/** Refuses to go on as if the table were there: what is remembered as done is not. */
export function requireTablesThere(gone: readonly GoneTable[]): void {
  if (gone.length === 0) return
  const [first] = gone
  const plans = [...new Set(gone.flatMap((it) => it.plans))].sort()
  throw new KvmigError(
    'TABLE_GONE',
    `${gone.length === 1 ? 'Table' : 'Tables'} ${listed(gone.map((it) => it.table))} ${gone.length === 1 ? 'was' : 'were'} applied, and ${gone.length === 1 ? 'is' : 'are'} not there any more: somebody dropped or renamed ${gone.length === 1 ? 'it' : 'them'}.`,
    { hint: `If that was a mistake: ${wayBack({ ...first!, plans })}` },
  )
}
