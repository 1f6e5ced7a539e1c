import { TargetError } from '../../errors.ts'
import type { Graph } from '../../graph/graph.ts'
import type { CompiledMapping } from '../../mapping/mapping.ts'
import type { Project } from '../../plan/plan.ts'
import type { Step } from '../../plan/step.ts'
import { openTarget } from '../../target/connect.ts'
import { createSchema, qualified, quote } from '../../target/ddl.ts'
import { createStage, stagedValues } from '../../target/stage.ts'
import { openTableRows, type TableRows } from '../../target/table-rows.ts'
import type { Target } from '../../target/target.ts'
import type { Row } from '../../value.ts'
import { proofStatements } from '../proof-statements.ts'
import { castText } from './expected-text.ts'

/** An embedded Postgres with the tables of some plans, empty, without foreign keys: an example is one entry and has no parents. */
export interface Embedded {
  /** Stores a row, looks at it, and forgets it again. */
  store(mapping: CompiledMapping, row: Row): Promise<StoredRow | RefusedRow>
  /** Is the stored value the one that is expected, by the rules of the column's type? `shown`: that one as Postgres would tell it. */
  compare(
    row: StoredRow,
    column: string,
    expected: unknown,
  ): Promise<{ readonly same: boolean; readonly shown: string }>
  close(): Promise<void>
}

/** A row as Postgres tells it. */
export interface StoredRow {
  readonly table: string
  readonly mapping: CompiledMapping
  readonly cells: ReadonlyMap<string, string | null>
}

export interface RefusedRow {
  readonly refused: string
  readonly code: 'CONSTRAINT'
}

export async function openEmbedded({
  project,
  graph,
  signal,
}: {
  readonly project: Project
  readonly graph: Graph<Step>
  readonly signal: AbortSignal
}): Promise<Embedded> {
  const target = await openTarget('pglite:memory', { root: project.root, signal })
  await createTables(target, { project, graph })
  const searchPath = [project.targetSchema, 'public']

  return {
    store: async (mapping, row) => {
      const forget = new Error('only an example')
      let stored: StoredRow | undefined
      try {
        await target.transaction(
          async (tx) => {
            const { table, columns, keyIndexes } = mapping
            const rows = await openTableRows(tx, { name: table.name, columns, keyIndexes })
            await createStage(tx, STAGE, rows.wires)
            await tx.copyIn({ temporary: STAGE }, rows.columnNames, [rows.tuple(row)])
            const names = rows.columnNames.map(quote).join(', ')
            const [cells] = await tx.query(
              `INSERT INTO ${qualified(table.name)} (${names}) SELECT ${stagedValues(STAGE, rows.wires)} FROM ${STAGE}
               RETURNING ${table.columns.map(({ name }) => `${quote(name)}::text`).join(', ')}`,
            )
            stored = { table: table.name.table, mapping, cells: new Map(Object.entries(cells ?? {})) }
            throw forget
          },
          { searchPath },
        )
      } catch (error) {
        if (error === forget) return stored!
        // Class 23: the row breaks a constraint. Anything else is not about this row.
        if (error instanceof TargetError && error.sqlState?.startsWith('23')) {
          return { refused: `Postgres refuses the row: ${error.message}`, code: 'CONSTRAINT' }
        }
        throw error
      }
      throw new Error('a transaction that was to be forgotten was kept')
    },
    compare: async ({ mapping, cells }, column, expected) => {
      const actual = cells.get(column)
      const definition = mapping.table.columns.find((it) => it.name === column)
      const text = castText(expected, definition)
      if (text === null) return { same: (actual ?? null) === null, shown: 'NULL' }
      const type = await typeOf(target, mapping, column)
      const ask = async (sql: string, parameters: readonly string[]) => {
        const [answer] = await target.transaction((tx) => tx.query(sql, parameters), { searchPath })
        return answer?.answer ?? undefined
      }
      // No such value of the type, or a type without equality: then the texts have to be the same.
      const shown = await ask(`SELECT $1::text::${type}::text AS answer`, [text]).catch(() => text)
      if (actual === null || actual === undefined) return { same: false, shown: shown ?? text }
      const same = await ask(`SELECT ($1::text::${type} = $2::text::${type})::text AS answer`, [
        actual,
        text,
      ]).catch(() => String(actual === text))
      return { same: same === 'true', shown: shown ?? text }
    },
    close: () => target.close(),
  }
}

const STAGE = 'kvmig_example'

async function createTables(
  target: Target,
  { project, graph }: { readonly project: Project; readonly graph: Graph<Step> },
): Promise<void> {
  const { statements } = await proofStatements({ project, graph, onTarget: false })
  const schemas = new Set([
    project.targetSchema,
    ...graph.vertices.flatMap(({ data }) => (data.kind === 'table' ? [data.table.name.schema] : [])),
  ])
  for (const schema of schemas) await target.execute(createSchema(schema))
  for (const { sql, what } of statements) {
    if (/^(foreign key|query) /.test(what)) continue
    // What Postgres refuses here, `kvmig plan` tells with its place; the example that needs it tells that the table is not there.
    await target
      .transaction((tx) => tx.query(sql), { searchPath: [project.targetSchema, 'public'] })
      .catch(() => {})
  }
}

// JSON has no equality of its own.
async function typeOf(
  target: Target,
  { table, columns, keyIndexes }: CompiledMapping,
  column: string,
): Promise<string> {
  const definition = table.columns.find((it) => it.name === column)
  if (definition?.type.base === 'json' && !definition.type.array) return 'jsonb'
  const rows: TableRows = await target.transaction((tx) =>
    openTableRows(tx, { name: table.name, columns, keyIndexes }),
  )
  const place = rows.columnNames.indexOf(column)
  return place === -1 ? (definition?.type.sql ?? 'text') : rows.wires[place]!.wire.sql
}
