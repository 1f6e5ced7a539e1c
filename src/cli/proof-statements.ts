import type { Graph } from '../graph/graph.ts'
import { mappingsOf, type Project } from '../plan/plan.ts'
import { readSchemaSql } from '../plan/schema-sql.ts'
import type { Step } from '../plan/step.ts'
import { type ColumnDefinition, showTable, type TableDefinition, type TableName } from '../plan/table.ts'
import { addForeignKey, createExtension, createIndex, createTable, quote } from '../target/ddl.ts'
import { createHistory } from '../target/history.ts'
import type { ProofStatement } from '../target/prove.ts'
import { createView } from '../target/sweep.ts'

export type Build = (schema: (name: string) => string) => readonly ProofStatement[]

/**
 * The statements that the steps would run, each with its place in the plans. On the target the application's own tables are there; an
 * embedded Postgres gets stand-ins, with the columns and keys that foreign keys and queries look at.
 */
export async function proofStatements({
  project,
  graph,
  onTarget,
}: {
  readonly project: Project
  readonly graph: Graph<Step>
  readonly onTarget: boolean
}): Promise<{ readonly build: Build; readonly statements: readonly ProofStatement[] }> {
  const application = project.schema
    ? (await readSchemaSql(project.schema.file, project.schema.sql, project.targetSchema)).schema
    : { tables: [], enums: new Map<string, readonly string[]>() }
  const foreign = new Set(application.tables.map((it) => showTable(it.name)))
  const steps = graph.vertices.map((it) => it.data)

  const build: Build = (schema) => {
    const place = (name: TableName): TableName =>
      onTarget && foreign.has(showTable(name)) ? name : { ...name, schema: schema(name.schema) }
    const own = steps.flatMap((step) => stepStatement(step, place))
    if (onTarget) return own
    const enums = new Map(
      [...application.enums].map(([name, labels]) => {
        const [last = name, first = project.targetSchema] = name.split('.').reverse()
        const type = `${quote(schema(first))}.${quote(last)}`
        const sql = `CREATE TYPE ${type} AS ENUM (${labels.map(literal).join(', ')})`
        return [type, { sql, at: undefined, what: `type ${name}` }]
      }),
    )
    const standIns = application.tables.flatMap((table) => standInStatements(table, place))
    return [...enums.values(), ...standIns, ...own, ...queryStatements(project, steps)]
  }
  return { build, statements: build((name) => name) }
}

function stepStatement(step: Step, place: (name: TableName) => TableName): readonly ProofStatement[] {
  switch (step.kind) {
    case 'extension':
      if (step.optional) return []
      return [{ sql: createExtension(step.extension), at: undefined, what: `extension ${step.extension}` }]
    case 'table': {
      const { table } = step
      if (table.owner !== 'plan') return []
      return [
        {
          sql: createTable({ ...table, name: place(table.name) }),
          at: table.at,
          what: whatTable(table.name),
        },
      ]
    }
    case 'view':
      return [
        {
          sql: createView(place(step.table), step),
          at: undefined,
          what: `view ${showTable({ ...step.table, table: step.view })}`,
          needs: [whatTable(step.table)],
        },
      ]
    case 'audit':
      return createHistory(place(step.table), step.history, step.key).map((sql) => ({
        sql,
        at: undefined,
        what: `history ${showTable({ ...step.table, table: step.history })}`,
        needs: [whatTable(step.table)],
      }))
    case 'index':
      return [
        {
          sql: createIndex(place(step.table), step.index),
          at: step.index.at,
          what: `index ${step.index.name}`,
          needs: [whatTable(step.table)],
        },
      ]
    case 'foreign_key': {
      const { table, name, reference } = step
      return [
        {
          sql: addForeignKey(place(table), name, { ...reference, to: place(reference.to) }),
          at: reference.at,
          what: `foreign key ${name}`,
          needs: [whatTable(table), whatTable(reference.to)],
        },
      ]
    }
    default:
      return []
  }
}

// Only what others depend on: defaults may need sequences and functions, checks whatever the application has.
function standInStatements(
  table: TableDefinition,
  place: (name: TableName) => TableName,
): readonly ProofStatement[] {
  const columns = table.columns.map((it) => ({ ...it, sql: bareType(it) }))
  const { partitionBy: _, ...rest } = table
  return [
    {
      sql: createTable({ ...rest, columns, checks: [], name: place(table.name) }),
      at: table.at,
      what: whatTable(table.name),
    },
    ...table.indexes
      .filter((it) => it.unique)
      .map((index) => ({
        sql: createIndex(place(table.name), index),
        at: index.at,
        what: `index ${index.name}`,
        needs: [whatTable(table.name)],
      })),
  ]
}

// PREPARE checks names and types and runs nothing.
function queryStatements(project: Project, steps: readonly Step[]): readonly ProofStatement[] {
  const asked = new Set(steps.map((it) => it.plan))
  return project.plans
    .filter((it) => asked.has(it.name))
    .flatMap((plan) => plan.queries.map((query) => ({ plan, query })))
    .map(({ plan, query: { name, sql, at } }, index) => ({
      sql: `PREPARE query_${index} AS ${sql.trim().replace(/;$/, '')}`,
      at,
      what: `query ${name} of plan ${plan.name}`,
      needs: mappingsOf(plan).map((it) => whatTable(it.into)),
    }))
}

const bareType = ({ type }: ColumnDefinition): string => `${type.sql}${type.array ? '[]' : ''}`

const whatTable = (name: TableName): string => `table ${showTable(name)}`

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
