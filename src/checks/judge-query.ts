import { KvmigError, TargetError } from '../errors.ts'
import type { Query } from '../plan/plan.ts'
import { qualified } from '../target/ddl.ts'
import type { Transaction } from '../target/target.ts'
import type { Scope } from './check.ts'
import { type IndexFacts, indexFacts, judgeScans } from './index-facts.ts'
import { type PlanNode, type RowScan, type Scan, scansOf } from './query-plan.ts'

export interface Judged {
  readonly query: Query
  /** Does Postgres answer it by the index? `would`: once the table is not so small any more. */
  readonly verdict: 'does' | 'would' | 'does not' | 'cannot tell'
  /** What it does instead. */
  readonly fault?: string
}

/** Tables below this size are read whole whatever indexes there are; what Postgres will do when they have grown is then asked for. */
const SMALL_BYTES = 8 << 20

/** Explains a query as the application asks it and judges the plan; it is never run. Throws `KvmigError` naming the query. */
export async function judgeQuery(scope: Scope, query: Query): Promise<Judged> {
  const searchPath = [...new Set([scope.project.targetSchema, 'public'])]
  try {
    return await scope.target.transaction((tx) => judge(tx, query, searchPath), {
      searchPath,
      readOnly: true,
    })
  } catch (cause) {
    if (!(cause instanceof KvmigError)) throw cause
    throw unexplained(query, cause)
  }
}

async function judge(tx: Transaction, query: Query, searchPath: readonly string[]): Promise<Judged> {
  const { uses } = query
  if (uses !== undefined) {
    const facts = await namedIndex(tx, uses, searchPath)
    if (!facts) return { query, verdict: 'does not', fault: `there is no index ${uses}` }
    if (!facts.valid) {
      const fault = `${uses} is invalid: building it failed; drop it and apply again`
      return { query, verdict: 'does not', fault }
    }
  }
  const scans = await explain(tx, query)
  const fault = await judgeScans(tx, uses, scans)
  if (fault === undefined) return { query, verdict: 'does' }
  let told = fault
  const whole = scans.filter((it) => it.kind === 'rows')
  if (whole.length > 0 && (await areSmall(tx, whole))) {
    // Then with enable_sort off too: between two indexes that would do, a few rows to sort cost nothing, many do.
    for (const setting of ['enable_seqscan', 'enable_sort']) {
      await tx.query(`SET LOCAL ${setting} = off`)
      const still = await judgeScans(tx, uses, await explain(tx, query))
      if (still === undefined) return { query, verdict: 'would' }
      if (setting === 'enable_seqscan') told = still
    }
  }
  const verdict = (await areEmpty(tx, scans)) ? 'cannot tell' : 'does not'
  return { query, verdict, fault: told }
}

// Never ANALYZE: that would run the query. The parameters are bound, so that the planner sees what it will see of the application.
async function explain(tx: Transaction, { sql, args }: Query): Promise<readonly Scan[]> {
  const [row] = await tx.query(`EXPLAIN (FORMAT JSON, VERBOSE, COSTS OFF) ${sql}`, args)
  const plans: readonly { readonly Plan: PlanNode }[] = JSON.parse(row!['QUERY PLAN']!)
  return plans.flatMap((it) => scansOf(it.Plan))
}

async function namedIndex(
  tx: Transaction,
  name: string,
  schemas: readonly string[],
): Promise<IndexFacts | undefined> {
  for (const schema of schemas) {
    const found = await indexFacts(tx, schema, name)
    if (found) return found
  }
  return undefined
}

async function areSmall(tx: Transaction, tables: readonly RowScan[]): Promise<boolean> {
  for (const it of tables) {
    const [size] = await tx.query('SELECT pg_relation_size($1::regclass) AS bytes', [qualified(it)])
    if (Number(size?.bytes) > SMALL_BYTES) return false
  }
  return true
}

// With one row at most all indexes cost the same, and which one the planner takes says nothing.
async function areEmpty(tx: Transaction, tables: readonly Scan[]): Promise<boolean> {
  for (const it of tables) {
    const rows = await tx.query(`SELECT 1 FROM ${qualified(it)} LIMIT 2`)
    if (rows.length > 1) return false
  }
  return true
}

function unexplained(query: Query, cause: KvmigError): KvmigError {
  const wrongArgs = cause instanceof TargetError && cause.sqlState === '08P01'
  const why = wrongArgs
    ? `it takes another number of arguments than the ${query.args.length} of args.`
    : cause.message
  return new KvmigError('QUERY_UNEXPLAINED', `Query ${query.name} could not be explained: ${why}`, {
    cause,
    hint: (!wrongArgs && cause.hint) || `Correct the query at ${query.at.file}:${query.at.line}.`,
  })
}
