import type { Position } from '../diagnostic.ts'
import type { TableName } from '../plan/table.ts'
import { quote } from './ddl.ts'
import { DatabaseError, serverWords } from './error.ts'
import { isMissingExtension } from './extensions.ts'
import { inspectTables, type TableFacts } from './inspect.ts'
import { inSavepoint } from './savepoint.ts'
import type { Target, Transaction } from './target.ts'

export interface ProofStatement {
  readonly sql: string
  /** Where the plan says so. */
  readonly at: Position | undefined
  /** A name for people, and for `needs`: `table messages`. */
  readonly what: string
  /** Statements without which this one is not even tried: their failure is the cause, its own would be an echo. */
  readonly needs?: readonly string[]
}

export interface ProofFailure {
  readonly at: Position | undefined
  readonly what: string
  readonly sqlState: string | undefined
  /** The server's own words: a plan's DDL holds nothing that has to be hidden. */
  readonly message: string
  /** Offset in the statement that the words are about. */
  readonly offset: number | undefined
  /** True where nothing is wrong with the statement, but this server lacks what it needs (an extension). */
  readonly unknown: boolean
}

export interface Proof {
  readonly failures: readonly ProofFailure[]
  /** Statements that were not tried, because one that they need failed. */
  readonly skipped: readonly string[]
  /** What the tables asked for looked like in the end, by `schema.table` of the real schema. */
  readonly tables: ReadonlyMap<string, TableFacts>
}

/**
 * Proves DDL by executing it, each statement on its own, and keeps nothing of it: on the target, in schemas made for the purpose inside a
 * transaction that is rolled back, or without one in an embedded Postgres. `build` makes the statements with the schema names it is
 * given. Throws `TargetError` where the target's role may not make a schema; then prove without a target.
 */
export async function proveDdl(
  target: Target | undefined,
  build: (schema: (name: string) => string) => readonly ProofStatement[],
  inspect: readonly TableName[] = [],
): Promise<Proof> {
  const schemas = new Map<string, string>()
  const statements = build((name) => {
    const stand = target ? (schemas.get(name) ?? `kvmig_proof_${schemas.size + 1}`) : name
    schemas.set(name, stand)
    return stand
  })
  if (target) return prove(target, schemas, statements, inspect)
  const { openPglite } = await import('./pglite-target.ts')
  const embedded = await openPglite(
    { kind: 'pglite', label: 'an embedded Postgres', folder: undefined },
    { signal: undefined },
  )
  try {
    return await prove(embedded, schemas, statements, inspect)
  } finally {
    await embedded.close()
  }
}

async function prove(
  target: Target,
  schemas: ReadonlyMap<string, string>,
  statements: readonly ProofStatement[],
  inspect: readonly TableName[],
): Promise<Proof> {
  const rollBack = new Error('only a proof')
  let proof: Proof | undefined
  const work = async (tx: Transaction): Promise<void> => {
    for (const stand of schemas.values()) await tx.query(`CREATE SCHEMA IF NOT EXISTS ${quote(stand)}`)
    const outcome = await execute(tx, statements)
    proof = { ...outcome, tables: await inspectStands(tx, schemas, inspect) }
    throw rollBack
  }
  await target.transaction(work, { searchPath: [...schemas.values(), 'public'] }).catch((error) => {
    if (error !== rollBack) throw error
  })
  return proof!
}

async function execute(
  tx: Transaction,
  statements: readonly ProofStatement[],
): Promise<Pick<Proof, 'failures' | 'skipped'>> {
  const failures: ProofFailure[] = []
  const skipped: string[] = []
  const missing = new Set<string>()
  for (const { sql, at, what, needs = [] } of statements) {
    if (needs.some((it) => missing.has(it))) {
      skipped.push(what)
      missing.add(what)
      continue
    }
    try {
      // With parameters, if none: then it is one statement and no more, whatever a check or a default may say.
      await inSavepoint(tx, () => tx.query(sql, []))
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.sqlState === undefined) throw error
      missing.add(what)
      const { message, position } = serverWords(error)
      const unknown = isMissingExtension(message)
      const offset = position === undefined ? undefined : Number(position) - 1
      failures.push({ at, what, sqlState: error.sqlState, message, offset, unknown })
    }
  }
  return { failures, skipped }
}

async function inspectStands(
  tx: Transaction,
  schemas: ReadonlyMap<string, string>,
  names: readonly TableName[],
): Promise<ReadonlyMap<string, TableFacts>> {
  const stands = names.map(({ schema, table }) => ({ schema: schemas.get(schema) ?? schema, table }))
  const facts = await inspectTables(tx, stands)
  return new Map(
    names.flatMap((name, index) => {
      const found = facts.get(`${stands[index]!.schema}.${name.table}`)
      return found ? [[`${name.schema}.${name.table}`, { ...found, name }] as const] : []
    }),
  )
}
