import type { Diagnostic, Position } from '../diagnostic.ts'
import { ParseProblem } from './problem.ts'
import { SchemaReader } from './schema-sql-reader.ts'
import { SqlText } from './sql-text.ts'
import type { TableDefinition, TableName } from './table.ts'

/** What the application's DDL says about its tables. */
export interface ApplicationSchema {
  readonly tables: readonly TableDefinition[]
  /** Tables that a crash empties. */
  readonly unlogged: readonly TableName[]
  /** Labels of enum types, by name: bare and with the schema. */
  readonly enums: ReadonlyMap<string, readonly string[]>
}

/**
 * Reads CREATE TABLE, CREATE TYPE … AS ENUM, CREATE INDEX and ALTER TABLE of an SQL file with Postgres's own grammar; every other
 * statement is passed over. Lines of psql (`\connect`) are too, so that what pg_dump writes can be read.
 */
export async function readSchemaSql(
  file: string,
  sql: string,
  targetSchema: string,
): Promise<{ readonly schema: ApplicationSchema; readonly diagnostics: readonly Diagnostic[] }> {
  const start: Position = { file, line: 1, column: 1 }
  if (sql.includes('\0')) return refused(start, 'The file holds a NUL character.')
  // The parser refuses an empty text.
  const text = `${sql.replace(/^\\.*/gm, (line) => ' '.repeat(line.length))};`
  // Half a megabyte of wasm, which only projects with a schema file have to pay for.
  const { parse } = await import('libpg-query')
  try {
    const tree = (await parse(text)) as { readonly stmts?: readonly SqlStatement[] }
    return {
      schema: new SchemaReader(new SqlText(file, text), targetSchema).read(tree.stmts ?? []),
      diagnostics: [],
    }
  } catch (error) {
    // Legal SQL, but with a token that kvmig's own cutter does not know.
    if (error instanceof ParseProblem)
      return refused(start, `The statements cannot be taken apart: ${error.message}`)
    const details = (error as { sqlDetails?: { message: string; cursorPosition: number } }).sqlDetails
    if (!details) throw error
    const before = [...text].slice(0, details.cursorPosition).join('').split('\n')
    const at = { file, line: before.length, column: before.at(-1)!.length + 1 }
    return refused(at, `Postgres would refuse this: ${details.message}.`)
  }
}

const refused = (at: Position, message: string) => ({
  schema: EMPTY,
  diagnostics: [{ severity: 'error', code: 'KV047', message, at } as const],
})

const EMPTY: ApplicationSchema = { tables: [], unlogged: [], enums: new Map() }

/** A statement of Postgres's syntax tree: one kind of node, and where it begins, in bytes. */
export interface SqlStatement {
  // Postgres's syntax tree is a large union of which a few kinds are looked at, each where it is known.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly stmt: Readonly<Record<string, any>>
  readonly stmt_location?: number
  readonly stmt_len?: number
}
