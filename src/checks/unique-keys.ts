import { mappingsOf } from '../plan/plan.ts'
import { object } from '../plan/schema-parts.ts'
import { showTable, type TableName } from '../plan/table.ts'
import type { Transaction } from '../target/target.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass } from './finding.ts'
import { filledTables } from './plan-survey.ts'
import { requireReadable } from './readable.ts'

export const uniqueKeys: Check = {
  name: 'unique_keys',
  code: 'KV309',
  mandatory: true,
  summary:
    "Postgres itself keeps each mapping's key unique: by a valid, whole, immediate primary key or unique index.",
  options: object({}, { title: 'nothing: it has no options' }),
  run: async (scope) => {
    const mappings = mappingsOf(scope.plan)
    const faults = await scope.target.transaction(
      async (tx) => {
        await requireReadable(
          tx,
          filledTables(scope).map((it) => it.name),
        )
        const faults: string[] = []
        for (const { name, into, key } of mappings) {
          const fault = await faultOf(tx, into, key)
          if (fault) faults.push(`${name}: ${showTable(into)}(${key.join(', ')}) ${fault}`)
        }
        return faults
      },
      { readOnly: true },
    )
    const facts = {
      measured: `${counted(mappings.length, 'key')}: ${faults.length === 0 ? 'each kept unique' : `${faults.length.toLocaleString('en-US')} not kept unique`}.`,
      expected: uniqueKeys.summary,
      samples: faults,
      data: { keys: mappings.length, faults },
    }
    return faults.length === 0
      ? pass(uniqueKeys, facts)
      : fail(uniqueKeys, {
          ...facts,
          hint: 'Add the constraint (ALTER TABLE … ADD UNIQUE (…)) after a look for duplicates, or choose another key. Without it a second run would write rows twice.',
        })
  },
}

// ON CONFLICT takes exactly such an index (PostgreSQL documentation, INSERT, "ON CONFLICT Clause").
async function faultOf(
  tx: Transaction,
  table: TableName,
  key: readonly string[],
): Promise<string | undefined> {
  const rows = await tx.query(
    `SELECT x.relname AS name, i.indisvalid AS valid, i.indimmediate AS immediate, i.indpred IS NULL AS whole
     FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
     JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique AND i.indexprs IS NULL
       AND (SELECT json_agg(a.attname ORDER BY a.attname)::text
            FROM unnest(i.indkey::int2[]) WITH ORDINALITY u (num, place) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.num
            WHERE u.place <= i.indnkeyatts)
         = (SELECT json_agg(name ORDER BY name)::text FROM (SELECT value::name AS name FROM json_array_elements_text($3)) k)
     ORDER BY x.relname`,
    [table.schema, table.table, JSON.stringify(key)],
  )
  if (rows.length === 0) return 'has no unique index'
  const faults = rows.map(({ name, valid, immediate, whole }) => {
    if (valid === 'f') return `has only ${name}, which is invalid: building it failed`
    if (whole === 'f') return `has only ${name}, which covers a part of the rows`
    if (immediate === 'f') return `has only ${name}, which is deferrable`
    return undefined
  })
  return faults.includes(undefined) ? undefined : faults[0]
}
