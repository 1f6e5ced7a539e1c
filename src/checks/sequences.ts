import { TargetError } from '../errors.ts'
import { mappingsOf, type Plan } from '../plan/plan.ts'
import { object } from '../plan/schema-parts.ts'
import { sameTable, showTable, type TableDefinition } from '../plan/table.ts'
import { qualified, quote } from '../target/ddl.ts'
import type { Transaction } from '../target/target.ts'
import type { Check, Scope } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass } from './finding.ts'
import { filledTables } from './plan-survey.ts'
import { requireReadable } from './readable.ts'

export const sequences: Check = {
  name: 'sequences',
  code: 'KV310',
  mandatory: true,
  summary:
    'Every sequence behind a column that the plan fills goes on beyond the largest number that is there.',
  options: object({}, { title: 'nothing: it has no options' }),
  run: async (scope) => {
    const drawn = await scope.target.transaction(
      async (tx) => {
        const drawn: Drawn[] = []
        for (const table of filledTables(scope)) {
          await requireReadable(tx, [table.name])
          for (const it of await sequencesOf(tx, table, filledColumns(scope.plan, table))) {
            drawn.push({ ...it, behind: await behind(tx, it), next: await nextOf(tx, it) })
          }
        }
        return drawn
      },
      { readOnly: true },
    )
    const late = drawn.filter((it) => it.behind !== undefined)
    const ofCounters = await countersOf(scope, drawn)
    const facts = {
      measured:
        drawn.length === 0
          ? `No column that plan ${scope.plan.name} fills has a sequence.`
          : `${counted(drawn.length, 'sequence')}: ${late.length === 0 ? 'each goes on beyond what is there' : `${late.length.toLocaleString('en-US')} would give a number that is taken`}.${ofCounters.map((it) => ` ${it}`).join('')}`,
      expected: sequences.summary,
      samples: late.map(
        (it) => `${showTable(it.table.name)}.${it.column}: ${it.sequence} is ${it.behind} behind`,
      ),
      data: {
        sequences: drawn.map((it) => ({
          column: `${showTable(it.table.name)}.${it.column}`,
          sequence: it.sequence,
          behind: it.behind ?? '0',
        })),
      },
    }
    return late.length === 0
      ? pass(sequences, facts)
      : fail(sequences, {
          ...facts,
          hint: 'kvmig apply --phase=A moves it; else: SELECT setval(…, max(…)). Without it the first insert of the application fails with a duplicate key.',
        })
  },
}

interface Sequence {
  readonly table: TableDefinition
  readonly column: string
  /** Quoted and qualified. */
  readonly sequence: string
  readonly increment: bigint
}

/** What is to say of counters that the plan names. They go on counting until the cutover, which sets the sequences once more. */
async function countersOf(scope: Scope, drawn: readonly Drawn[]): Promise<readonly string[]> {
  const said: string[] = []
  for (const { table, column, key, field } of scope.plan.sequences ?? []) {
    const name = `${showTable(table)}.${column}`
    const found = drawn.find((it) => sameTable(it.table.name, table) && it.column === column)
    const count = await scope.counter?.({ key, ...(field !== undefined && { field }) })
    const shown = field === undefined ? key : `${key} ${field}`
    if (count === undefined) said.push(`${shown}, which ${name} goes on from, is not there.`)
    else if (found && count >= BigInt(found.next))
      said.push(
        `${name} is ${count - BigInt(found.next) + 1n} behind ${shown}, which counts on until phase C sets it again.`,
      )
  }
  return said
}

/** `behind`: by how much its next number has to be moved; undefined where it need not. */
type Drawn = Sequence & { readonly behind: string | undefined; readonly next: string }

const filledColumns = (plan: Plan, { name }: TableDefinition): ReadonlySet<string> =>
  new Set([
    ...mappingsOf(plan)
      .filter((it) => sameTable(it.into, name))
      .flatMap((it) => it.fields.map(({ column }) => column)),
    ...(plan.sequences ?? []).filter((it) => sameTable(it.table, name)).map((it) => it.column),
  ])

// Identity and serial columns own their sequence; a DEFAULT nextval('…') may also draw from one that nobody owns.
async function sequencesOf(
  tx: Transaction,
  table: TableDefinition,
  columns: ReadonlySet<string>,
): Promise<readonly Sequence[]> {
  const rows = await tx.query(
    `SELECT a.attname AS column, n.nspname AS schema, s.relname AS name, q.seqincrement AS increment,
       has_sequence_privilege(s.oid, 'SELECT') AS readable, current_user AS role
     FROM pg_class c JOIN pg_namespace cn ON cn.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     CROSS JOIN LATERAL (
       SELECT d.objid AS id FROM pg_depend d
       WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
         AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i')
       UNION
       SELECT d.refobjid FROM pg_attrdef f JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
       WHERE f.adrelid = c.oid AND f.adnum = a.attnum AND d.refclassid = 'pg_class'::regclass) found
     JOIN pg_class s ON s.relkind = 'S' AND s.oid = found.id
     JOIN pg_namespace n ON n.oid = s.relnamespace JOIN pg_sequence q ON q.seqrelid = s.oid
     WHERE cn.nspname = $1 AND c.relname = $2 ORDER BY 1, 2, 3`,
    [table.name.schema, table.name.table],
  )
  const found = rows.filter((it) => columns.has(it.column!))
  for (const { schema, name, readable, role } of found) {
    if (readable === 't') continue
    const sequence = `${quote(schema!)}.${quote(name!)}`
    throw new TargetError('PERMISSION', `${role} may not read sequence ${schema}.${name}.`, {
      hint: `As its owner: GRANT SELECT ON SEQUENCE ${sequence} TO ${quote(role!)};`,
    })
  }
  return found.map(({ column, schema, name, increment }) => ({
    table,
    column: column!,
    sequence: `${quote(schema!)}.${quote(name!)}`,
    increment: BigInt(increment!),
  }))
}

const nextOf = async (tx: Transaction, { sequence, increment }: Sequence): Promise<string> =>
  (
    await tx.query(
      `SELECT last_value + CASE WHEN is_called THEN ${increment} ELSE 0 END AS next FROM ${sequence}`,
    )
  )[0]!.next!

// The distance only: the numbers themselves are data.
async function behind(
  tx: Transaction,
  { table, column, sequence, increment }: Sequence,
): Promise<string | undefined> {
  const upwards = increment > 0n
  const [found] = await tx.query(
    `SELECT CASE WHEN ${upwards ? 'last >= next' : 'last <= next'} THEN abs(last - next) + 1 END AS behind
     FROM (SELECT ${upwards ? 'max' : 'min'}(${quote(column)})::numeric AS last FROM ${qualified(table.name)}) t,
       (SELECT last_value::numeric + CASE WHEN is_called THEN ${increment} ELSE 0 END AS next FROM ${sequence}) s`,
  )
  return found?.behind ?? undefined
}
