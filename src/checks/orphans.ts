import { object } from '../plan/schema-parts.ts'
import { type Reference, sameTable, showTable, type TableDefinition, type TableName } from '../plan/table.ts'
import { printable } from '../printable.ts'
import { qualified, quote } from '../target/ddl.ts'
import type { Transaction } from '../target/target.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass } from './finding.ts'
import { filledTables } from './plan-survey.ts'
import { requireReadable } from './readable.ts'

export const orphans: Check = {
  name: 'orphans',
  code: 'KV307',
  mandatory: true,
  summary: 'Every row that refers to another has its parent, and a validated foreign key watches over it.',
  options: object({}, { title: 'nothing: it has no options' }),
  run: async (scope) => {
    const links = await scope.target.transaction(
      async (tx) => {
        const links: Measured[] = []
        for (const table of filledTables(scope)) {
          await requireReadable(tx, [table.name])
          for (const link of await linksOf(tx, table)) {
            await requireReadable(tx, [link.to])
            links.push({ ...link, ...(await countOrphans(tx, table, link)) })
          }
        }
        return links
      },
      { readOnly: true },
    )
    const lost = links.reduce((sum, it) => sum + it.orphans, 0)
    const bare = links.filter((it) => it.state !== 'validated')
    const facts = {
      measured:
        links.length === 0
          ? `No table of plan ${scope.plan.name} refers to another.`
          : `${counted(links.length, 'reference')}: ${counted(lost, 'row')} without a parent, ${counted(bare.length, 'foreign key')} missing or not validated.`,
      expected: orphans.summary,
      samples: [
        ...links.filter((it) => it.orphans > 0).map((it) => `${show(it)}: ${counted(it.orphans, 'orphan')}`),
        ...bare.map(
          (it) =>
            `${show(it)}: ${it.state === 'missing' ? 'no foreign key' : `${it.constraint} is not validated`}`,
        ),
        ...links.flatMap((it) => it.samples),
      ],
      data: {
        references: links.map((it) => ({ reference: show(it), orphans: it.orphans, constraint: it.state })),
      },
    }
    if (lost === 0 && bare.length === 0) return pass(orphans, facts)
    return fail(orphans, {
      ...facts,
      hint:
        lost > 0
          ? 'kvmig apply --phase=A takes orphans of its own into the quarantine; those that were there before are yours to mend.'
          : 'kvmig apply --phase=A adds and validates the foreign keys of the plan; those of the application need ALTER TABLE … ADD or VALIDATE CONSTRAINT.',
    })
  },
}

/** A reference of a table, as the plan declares it, as the database has it, or both. */
interface Link {
  readonly table: TableName
  readonly columns: readonly string[]
  readonly to: TableName
  readonly toColumns: readonly string[]
  readonly state: 'validated' | 'not valid' | 'missing'
  readonly constraint?: string
}

type Measured = Link & { readonly orphans: number; readonly samples: readonly string[] }

async function linksOf(tx: Transaction, { name, references }: TableDefinition): Promise<readonly Link[]> {
  const rows = await tx.query(
    `SELECT k.conname AS name, k.convalidated AS valid, n.nspname AS schema, p.relname AS "table",
       (SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(k.conkey) WITH ORDINALITY u (num, place)
         JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num) AS columns,
       (SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(k.confkey) WITH ORDINALITY u (num, place)
         JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num) AS to_columns
     FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace s ON s.oid = c.relnamespace
     JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace n ON n.oid = p.relnamespace
     WHERE k.contype = 'f' AND s.nspname = $1 AND c.relname = $2 AND k.conparentid = 0 ORDER BY k.conname`,
    [name.schema, name.table],
  )
  const found = rows.map(
    (it): Link => ({
      table: name,
      columns: JSON.parse(it.columns!),
      to: { schema: it.schema!, table: it.table! },
      toColumns: JSON.parse(it.to_columns!),
      state: it.valid === 't' ? 'validated' : 'not valid',
      constraint: it.name!,
    }),
  )
  const missing = references
    .filter((declared) => !found.some((it) => answers(it, declared)))
    .map(({ columns, to, toColumns }): Link => ({ table: name, columns, to, toColumns, state: 'missing' }))
  return [...found, ...missing]
}

const answers = (link: Link, declared: Reference): boolean =>
  sameTable(link.to, declared.to) && pairs(link) === pairs(declared)

// The order in which a foreign key lists its columns means nothing.
const pairs = ({ columns, toColumns }: Pick<Reference, 'columns' | 'toColumns'>): string =>
  JSON.stringify(columns.map((it, place) => [it, toColumns[place]]).sort())

async function countOrphans(
  tx: Transaction,
  table: TableDefinition,
  link: Link,
): Promise<{ readonly orphans: number; readonly samples: readonly string[] }> {
  const given = link.columns.map((it) => `t.${quote(it)} IS NOT NULL`).join(' AND ')
  const match = link.columns
    .map((it, place) => `p.${quote(link.toColumns[place]!)} = t.${quote(it)}`)
    .join(' AND ')
  const lost = `FROM ${qualified(link.table)} t WHERE ${given} AND NOT EXISTS (SELECT FROM ${qualified(link.to)} p WHERE ${match})`
  const [counts] = await tx.query(`SELECT count(*) AS orphans ${lost}`)
  const orphans = Number(counts?.orphans)
  if (orphans === 0 || table.primaryKey.length === 0) return { orphans, samples: [] }
  const key = table.primaryKey.map((it) => `t.${quote(it)}::text`).join(', ')
  const rows = await tx.query(`SELECT json_build_array(${key}) AS key ${lost} LIMIT 5`)
  const samples = rows.map(({ key }) => {
    const cells: string[] = JSON.parse(key!)
    return `${showTable(table.name)}: ${table.primaryKey.map((it, place) => `${it} ${printable(cells[place]!)}`).join(', ')}`
  })
  return { orphans, samples }
}

const show = ({ table, columns, to }: Link): string =>
  `${showTable(table)}(${columns.join(', ')}) to ${showTable(to)}`
