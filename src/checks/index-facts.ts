import type { Transaction } from '../target/target.ts'
import type { IndexScan, Scan } from './query-plan.ts'

/** What an index is made of. */
export interface IndexFacts {
  /** Its own name, and those of the partitioned indexes it is a part of. */
  readonly names: readonly string[]
  readonly method: string
  readonly valid: boolean
  /** Holds only the rows of a WHERE. */
  readonly partial: boolean
  /** The columns that its keys are made of, and those of the first key. */
  readonly columns: readonly string[]
  readonly leading: readonly string[]
}

/** The index of that name, from the catalog; undefined if there is none. */
export async function indexFacts(
  tx: Transaction,
  schema: string,
  index: string,
): Promise<IndexFacts | undefined> {
  const [row] = await tx.query(
    `SELECT m.amname AS method, i.indisvalid AS valid, i.indpred IS NOT NULL AS partial, pg_get_indexdef(x.oid, 1, true) AS leading,
       (WITH RECURSIVE up (id) AS (SELECT x.oid UNION SELECT h.inhparent FROM pg_inherits h JOIN up ON h.inhrelid = up.id)
        SELECT json_agg(c.relname) FROM up JOIN pg_class c ON c.oid = up.id) AS names,
       (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum > 0 AND (
          EXISTS (SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY u (num, place) WHERE u.num = a.attnum AND u.place <= i.indnkeyatts)
          OR i.indexprs IS NOT NULL AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = x.oid
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum))) AS columns
     FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace JOIN pg_index i ON i.indexrelid = x.oid JOIN pg_am m ON m.oid = x.relam
     WHERE n.nspname = $1 AND x.relname = $2`,
    [schema, index],
  )
  if (!row) return undefined
  const columns: string[] = JSON.parse(row.columns ?? '[]')
  const first = new Set(words(row.leading!).map(({ word }) => word))
  return {
    names: JSON.parse(row.names!),
    method: row.method!,
    valid: row.valid === 't',
    partial: row.partial === 't',
    columns,
    leading: columns.filter((it) => first.has(it)),
  }
}

/** Why a plan does not answer its query by the index `uses` (by any index, if that is undefined); undefined where it does. */
export async function judgeScans(
  tx: Transaction,
  uses: string | undefined,
  scans: readonly Scan[],
): Promise<string | undefined> {
  const byIndex: { readonly scan: IndexScan; readonly facts: IndexFacts }[] = []
  for (const scan of scans) {
    const facts = scan.kind === 'index' && (await indexFacts(tx, scan.schema, scan.index))
    if (facts) byIndex.push({ scan, facts })
  }
  const judged = uses === undefined ? byIndex : byIndex.filter(({ facts }) => facts.names.includes(uses))
  const tables = new Set(judged.map(({ scan }) => scan.table))
  const whole = scans.find((it) => it.kind === 'rows' && (uses === undefined || tables.has(it.table)))
  if (uses !== undefined && judged.length === 0) return `it does not use ${uses}, but ${describe(scans)}`
  if (whole) return `it reads ${whole.table} row by row (Seq Scan)`
  for (const { scan, facts } of judged) {
    const foreign = uses !== undefined && scan.others.length > 0
    if (foreign)
      return `${scan.index} answers only a part of it; the rest comes from ${scan.others.join(' and ')} (BitmapOr)`
    const weakness = weaknessOf(scan, facts)
    if (weakness !== undefined) return weakness
  }
  return undefined
}

function weaknessOf(scan: IndexScan, { method, partial, columns, leading }: IndexFacts): string | undefined {
  const { index, condition, filter, limited, byDistance } = scan
  if (condition === undefined) {
    if (byDistance && limited) return undefined
    if (filter !== undefined)
      return `it walks through ${index} and looks at each row, because the index does not answer the condition`
    return limited || partial ? undefined : `it reads the whole of ${index}`
  }
  const asked = columnsIn(condition, scan.alias)
  if (method === 'btree' && leading.length > 0 && !leading.some((it) => asked.has(it))) {
    return `it reads the whole of ${index}, because the query says nothing about its first column (${leading.join(', ')})`
  }
  const filtered = columnsIn(filter ?? '', scan.alias)
  const unanswered = columns.filter((it) => filtered.has(it) && !asked.has(it))
  return unanswered.length === 0
    ? undefined
    : `${index} answers only a part of the condition; ${unanswered.join(' and ')} is looked at row by row (Filter)`
}

function describe(scans: readonly Scan[]): string {
  const parts = scans.map((it) => {
    if (it.kind === 'rows') return `reads ${it.table} row by row (Seq Scan)`
    return it.others.length > 0
      ? `puts together ${[it.index, ...it.others].sort().join(' and ')} (BitmapOr)`
      : `uses ${it.index}`
  })
  return [...new Set(parts)].join(', ') || 'reads no table'
}

// With VERBOSE every column is written with its table's alias before it, so that a type or a function is not taken for one.
const columnsIn = (sql: string, alias: string): ReadonlySet<string> =>
  new Set(words(sql).flatMap(({ word, before }) => (before === alias ? [word] : [])))

/** The names in an expression, without quotes, each with the name and dot before it; text in quotes is skipped. */
function words(sql: string): readonly { readonly word: string; readonly before: string | undefined }[] {
  const found: { word: string; before: string | undefined }[] = []
  for (const [, before, name] of sql.matchAll(WORD)) {
    if (name !== undefined)
      found.push({ word: unquote(name), before: before === undefined ? undefined : unquote(before) })
  }
  return found
}

const NAME = String.raw`(?:[\p{L}_][\p{L}\p{N}_$]*|"(?:[^"]|"")*")`
const WORD = new RegExp(String.raw`'(?:[^']|'')*'|(?:(${NAME})\.)?(${NAME})`, 'gu')

const unquote = (name: string): string =>
  name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
