import type { Graph } from '../graph/graph.ts'
import type { Step } from '../plan/step.ts'
import type { TableName } from '../plan/table.ts'
import type { Session } from '../runner/session.ts'
import { qualified } from '../target/ddl.ts'
import { plainName } from '../target/plain-name.ts'

/** Commands that show a few rows of each table that was filled. An embedded Postgres has no client of its own to name. */
export function lookCommands({ target, project }: Session, graph: Graph<Step>): readonly string[] {
  if (target.kind !== 'postgres') return []
  const variable = /\$\{([A-Za-z_][A-Za-z0-9_]*)/.exec(project.target.url)?.[1]
  const address = variable ? `"$${variable}"` : word(target.label)
  const tables = new Map<string, TableName>()
  for (const { data } of graph.vertices)
    if (data.kind === 'backfill') tables.set(qualified(data.table.name), data.table.name)
  return [...tables.values()].map(
    (it) => `psql ${address} -c ${quoted(`SELECT * FROM ${shown(it)} LIMIT 5`)}`,
  )
}

// Quotes only where a name needs them: this is read by people.
const shown = ({ schema, table }: TableName): string =>
  [schema, table]
    .filter((it, index) => index === 1 || it !== 'public')
    .map(plainName)
    .join('.')

// One argument for a shell.
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
const word = (text: string): string => (/^[\w@%+=:,./[\]-]+$/.test(text) ? text : quoted(text))
