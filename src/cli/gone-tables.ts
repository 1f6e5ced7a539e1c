import { KvmigError } from '../errors.ts'
import { showTable, type TableDefinition } from '../plan/table.ts'
import { listed } from '../report/wording.ts'
import type { Session } from '../runner/session.ts'
import { textArray } from '../target/parameters.ts'
import type { Standing } from './standing.ts'

/** A table that plans filled, and that somebody dropped since. */
export interface GoneTable {
  readonly table: string
  /** Does the application make it? */
  readonly foreign: boolean
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
  const made = done.flatMap((it): TableDefinition[] =>
    it.kind === 'table' && it.state === 'done' ? [it.definition.table] : [],
  )
  if (made.length === 0) return []
  const rows = await target.transaction(
    (tx) =>
      tx.query(
        `SELECT t.n FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(schema, name, n)
          WHERE NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
            WHERE s.nspname = t.schema AND c.relname = t.name) ORDER BY t.n`,
        [textArray(made.map((it) => it.name.schema)), textArray(made.map((it) => it.name.table))],
      ),
    { readOnly: true },
  )
  return rows.map(({ n }) => {
    const { name, owner } = made[Number(n) - 1]!
    const table = showTable(name)
    const plans = done.flatMap((it) =>
      it.plan !== undefined &&
      (it.kind === 'backfill' || it.kind === 'table') &&
      showTable(it.definition.table.name) === table
        ? [it.plan]
        : [],
    )
    return { table, foreign: owner === 'schema', plans: [...new Set(plans)].sort() }
  })
}

/** What to do about one. */
export const wayBack = ({ foreign, plans }: GoneTable): string =>
  `${foreign ? 'let the application’s own migrations make it again. Then ' : ''}kvmig rollback ${plans.join(' ')} forgets what was copied into it, and kvmig apply --phase=A ${foreign ? '' : 'makes and '}fills it again.`

/** Refuses to go on as if a table were there: what is remembered as done is not. */
export function requireTablesThere(gone: readonly GoneTable[]): void {
  const [first] = gone
  if (!first) return
  const others = gone.length > 1 ? ` The same goes for ${listed(gone.slice(1).map((it) => it.table))}.` : ''
  throw new KvmigError(
    'TABLE_GONE',
    `Table ${first.table} was applied, and is not there any more: somebody dropped or renamed it.${others}`,
    {
      hint: `If that was a mistake: ${wayBack({ ...first, plans: [...new Set(gone.flatMap((it) => it.plans))].sort() })}`,
    },
  )
}
