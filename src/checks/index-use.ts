import { KvmigError, TargetError } from '../errors.ts'
import type { Query } from '../plan/plan.ts'
import { object } from '../plan/schema-parts.ts'
import { quote } from '../target/ddl.ts'
import type { Transaction } from '../target/target.ts'
import type { Check, Scope } from './check.ts'
import { counted, listed } from './counted.ts'
import { fail, pass, unknown } from './finding.ts'
import { indexFacts, judgeScans } from './index-facts.ts'
import { type PlanNode, type RowScan, type Scan, scansOf } from './query-plan.ts'

export const indexUse: Check = {
  name: 'index_use',
  code: 'KV308',
  summary:
    'Postgres answers each of the queries of the plan by the index that it names, or by any, and not by reading whole tables.',
  options: object({}, { title: 'nothing: it has no options' }),
  run: async (scope) => {
    const { queries } = scope.plan
    const judged: Judged[] = []
    for (const query of queries) judged.push(await judge(scope, query))
    const failed = judged.filter((it) => it.fault !== undefined)
    const forced = judged.filter((it) => it.forced)
    const facts = {
      measured: [
        `${counted(queries.length, 'query', 'queries')} explained: ${failed.length === 0 ? 'each uses its index' : `${failed.length.toLocaleString('en-US')} ${failed.length === 1 ? 'does' : 'do'} not use the index`}.`,
        ...(forced.length === 0
          ? []
          : [
              `For ${listed(forced.map((it) => it.query.name))} with enable_seqscan off: the tables are still so small that Postgres would rather read them whole.`,
            ]),
      ].join(' '),
      expected: indexUse.summary,
      samples: failed.map((it) => `${it.query.name}: ${it.fault}`),
      data: {
        queries: judged.map(({ query, fault, forced }) => ({
          query: query.name,
          uses: query.uses ?? null,
          ok: fault === undefined,
          forced,
        })),
      },
    }
    if (queries.length === 0) {
      return unknown(indexUse, {
        ...facts,
        measured: `Plan ${scope.plan.name} names no queries.`,
        hint: 'List the queries that the application runs under queries:, with real arguments, or leave this check out.',
      })
    }
    return failed.length === 0
      ? pass(indexUse, facts)
      : fail(indexUse, {
          ...facts,
          hint: 'Ask the query as the index has it (a pair in any order: LEAST(a, b) = LEAST($1, $2) AND GREATEST(a, b) = GREATEST($1, $2)), or give the query the index it needs.',
        })
  },
}

/** Tables below this size are read whole whatever indexes there are; what Postgres will do when they have grown is then asked for. */
const SMALL_BYTES = 8 << 20

interface Judged {
  readonly query: Query
  /** Why the query does not pass. */
  readonly fault: string | undefined
  /** Judged with enable_seqscan off. */
  readonly forced: boolean
}

async function judge(scope: Scope, query: Query): Promise<Judged> {
  const searchPath = [...new Set([scope.project.targetSchema, 'public'])]
  try {
    return await scope.target.transaction((tx) => judgeIn(tx, query, searchPath), {
      searchPath,
      readOnly: true,
    })
  } catch (cause) {
    if (!(cause instanceof KvmigError)) throw cause
    throw unexplained(query, cause)
  }
}

async function judgeIn(tx: Transaction, query: Query, searchPath: readonly string[]): Promise<Judged> {
  const facts = query.uses === undefined ? undefined : await namedIndex(tx, query.uses, searchPath)
  if (query.uses !== undefined && !facts)
    return { query, fault: `there is no index ${query.uses}`, forced: false }
  if (facts?.valid === false) {
    return {
      query,
      fault: `${query.uses} is invalid: building it failed; drop it and apply again`,
      forced: false,
    }
  }
  const scans = await explain(tx, query)
  const fault = await judgeScans(tx, query.uses, scans)
  if (fault === undefined || !(await onlySmall(tx, scans))) return { query, fault, forced: false }
  // Second with enable_sort off too: between two indexes that would do, a few rows to sort cost nothing, many do.
  for (const setting of ['enable_seqscan', 'enable_sort']) {
    await tx.query(`SET LOCAL ${setting} = off`)
    const still = await judgeScans(tx, query.uses, await explain(tx, query))
    if (still === undefined) return { query, fault: undefined, forced: true }
  }
  return { query, fault, forced: false }
}

// Never ANALYZE: that would run the query. The parameters are bound, so that the planner sees them as it will see the application's.
async function explain(tx: Transaction, { sql, args }: Query): Promise<readonly Scan[]> {
  const [row] = await tx.query(`EXPLAIN (FORMAT JSON, VERBOSE, COSTS OFF) ${sql}`, args)
  const plans: readonly { readonly Plan: PlanNode }[] = JSON.parse(row!['QUERY PLAN']!)
  return plans.flatMap((it) => scansOf(it.Plan))
}

async function namedIndex(tx: Transaction, name: string, schemas: readonly string[]) {
  for (const schema of schemas) {
    const found = await indexFacts(tx, schema, name)
    if (found) return found
  }
  return undefined
}

async function onlySmall(tx: Transaction, scans: readonly Scan[]): Promise<boolean> {
  const whole = scans.filter((it): it is RowScan => it.kind === 'rows')
  for (const { schema, table } of whole) {
    const [size] = await tx.query('SELECT pg_relation_size($1::regclass) AS bytes', [
      `${quote(schema)}.${quote(table)}`,
    ])
    if (Number(size?.bytes) > SMALL_BYTES) return false
  }
  return whole.length > 0
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
