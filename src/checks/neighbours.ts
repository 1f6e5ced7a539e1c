import { createHash } from 'node:crypto'
import { forwardClaims } from '../mapping/claim.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import { literalPrefix } from '../plan/key-pattern.ts'
import { mappingsOf } from '../plan/plan.ts'
import { object } from '../plan/schema-parts.ts'
import { sameTable, showTable } from '../plan/table.ts'
import type { Metric, Source, VectorSearch } from '../sources/source.ts'
import { tupleFields } from '../target/codec.ts'
import { openTableRows, type TableRows } from '../target/table-rows.ts'
import type { Row } from '../value.ts'
import type { Check, Scope } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass, unknown } from './finding.ts'
import { hasLimits, type Limits, limitProperties, showLimits, withinLimits } from './limit.ts'
import { requireReadable } from './readable.ts'
import { indexesOn, keyText, type NearRow, nearestRows, type VectorIndex } from './vector-search.ts'

interface Options extends Pick<Limits, 'at_least'> {
  /** Records whose neighbours are looked for. */
  readonly records?: number
  /** How many of them each time. */
  readonly nearest?: number
}

const count = (description: string, maximum: number) => ({
  type: 'integer',
  minimum: 1,
  maximum,
  title: 'a whole number',
  description,
})

export const neighbours: Check<Options> = {
  name: 'neighbours',
  code: 'KV312',
  summary: 'A search by vectors finds the same in the target as in the source. Default at least 95%.',
  options: object(
    {
      records: count('For how many records neighbours are looked for. Default 20.', 1000),
      nearest: count('How many neighbours of each. Default 10.', 100),
      at_least: limitProperties.at_least!,
    },
    { title: 'a map with records, nearest, at_least' },
  ),
  run: async (scope, { records = 20, nearest = 10, at_least = '95%' }) => {
    const limits = { at_least }
    const source = await scope.source?.()
    const columns = vectorColumns(scope)
    if (source?.vectors === undefined || columns.length === 0)
      return unknown(neighbours, {
        measured:
          columns.length === 0
            ? `Plan ${scope.plan.name} fills no column of type vector.`
            : `The source of plan ${scope.plan.name} has no search by vectors to compare with.`,
        expected: neighbours.summary,
        hint: 'Leave this check out, or let the column be vector(n).',
      })
    const searches: Searched[] = []
    for (const column of columns)
      searches.push(await search(scope, { source, vectors: source.vectors }, column, { records, nearest }))
    const total = searches.reduce((sum, it) => sum + it.total, 0)
    const same = searches.reduce((sum, it) => sum + it.same, 0)
    const faults = searches.flatMap((it) => it.faults)
    const facts = {
      measured: searches.map(told).join(' '),
      expected: `The neighbours that are the same are ${showLimits(limits)}, by an index that measures as the source does.`,
      samples: [...faults, ...searches.flatMap((it) => it.samples)],
      data: {
        same,
        total,
        recall: total === 0 ? null : same / total,
        columns: searches.map(({ column, metrics, indexes, ...it }) => ({
          column,
          metrics: [...metrics.values()],
          indexes: indexes.map((index) => index.name),
          records: it.records,
          same: it.same,
          total: it.total,
        })),
      },
    }
    if (faults.length > 0)
      return fail(neighbours, {
        ...facts,
        hint: 'Give the index the operator class of the metric (vector_l2_ops, vector_cosine_ops, vector_ip_ops), and let the application ask by its operator (<->, <=>, <#>).',
      })
    if (total === 0)
      return unknown(neighbours, {
        ...facts,
        hint: 'It takes two records with vectors, and more of them to mean anything.',
      })
    return hasLimits(limits) && withinLimits(limits, same, total)
      ? pass(neighbours, facts)
      : fail(neighbours, {
          ...facts,
          hint: 'An hnsw index finds more with m and ef_construction raised, or with hnsw.ef_search in the session; an ivfflat index with ivfflat.probes, or made again now that there are rows. Rows of other origin in the table are found too.',
        })
  },
}

/** A vector column with the mappings that fill it. */
interface VectorColumn {
  readonly name: string
  readonly mappings: readonly CompiledMapping[]
}

function vectorColumns({ plan, compiled }: Scope): readonly VectorColumn[] {
  const mappings = mappingsOf(plan).map((it) => compiled.mapping(plan.name, it.name))
  const found = new Map<string, CompiledMapping[]>()
  for (const mapping of mappings) {
    for (const { name, type } of mapping.columns) {
      if (type.base !== 'vector' || type.array) continue
      const id = JSON.stringify([showTable(mapping.table.name), name])
      found.set(id, [...(found.get(id) ?? []), mapping])
    }
  }
  return [...found].map(([id, its]) => ({ name: JSON.parse(id)[1], mappings: its }))
}

interface Searched {
  /** `embeddings.embedding`. */
  readonly column: string
  readonly metrics: ReadonlyMap<string, Metric>
  readonly indexes: readonly VectorIndex[]
  readonly records: number
  readonly same: number
  readonly total: number
  readonly samples: readonly string[]
  readonly faults: readonly string[]
}

// What a search gives beyond what is compared: the record itself is left out, and so is what became no row.
const MORE = 10

async function search(
  scope: Scope,
  { source, vectors }: { readonly source: Source; readonly vectors: VectorSearch },
  { name, mappings }: VectorColumn,
  { records, nearest }: { readonly records: number; readonly nearest: number },
): Promise<Searched> {
  const { table } = mappings[0]!
  const prefixes = distinct(mappings.map((it) => Buffer.from(literalPrefix(it.mapping.match))))
  const rowsOf = rowsFrom(scope, source, mappings)
  const picked = (await rowsOf(await pickKeys(scope, source, { prefixes, mappings }, records))).flatMap(
    ({ key, mapping, row }) => {
      const vector = row[mapping.columns.findIndex((it) => it.name === name)]
      return Array.isArray(vector) ? [{ key, mapping, row, vector: vector as readonly number[] }] : []
    },
  )
  const metrics = new Map(prefixes.flatMap((it) => vectors.metrics(it)).map((it) => [it.of, it.metric]))
  const asked: Asked[] = []
  for (const { key, mapping, row, vector } of picked) {
    const answers = await Promise.all(prefixes.map((it) => vectors.nearest(vector, it, nearest + MORE)))
    const found = answers
      .flat()
      .flatMap((it) => it.neighbours)
      .filter((it) => !it.key.equals(key))
      .sort((a, b) => a.distance - b.distance)
    asked.push({ key, mapping, row, vector, found })
  }
  const rows = new Map(
    (await rowsOf(distinct(asked.flatMap((it) => it.found.map((found) => found.key))))).map((it) => [
      it.key.toString('latin1'),
      it,
    ]),
  )
  return scope.target.transaction(
    async (tx) => {
      await requireReadable(tx, [table.name])
      const indexes = await indexesOn(tx, table.name, name)
      const column = `${showTable(table.name)}.${name}`
      const faults = unfit(column, metrics, indexes)
      const searched = { column, metrics, indexes, records: asked.length, faults }
      if (faults.length > 0) return { ...searched, same: 0, total: 0, samples: [] }
      const known = await openTableRows(tx, { ...mappings[0]!, name: table.name })
      const keyed = new Map<CompiledMapping, TableRows>()
      for (const it of mappings) keyed.set(it, await openTableRows(tx, { ...it, name: table.name }))
      const keyOf = ({ mapping, row }: { mapping: CompiledMapping; row: Row }): string =>
        keyText(tupleFields(keyed.get(mapping)!.keyTuple(row)))
      let [same, total] = [0, 0]
      const samples: string[] = []
      for (const it of asked) {
        const expected = it.found
          .flatMap(({ key, distance }) => {
            const made = rows.get(key.toString('latin1'))
            return made ? [{ key: keyOf(made), distance }] : []
          })
          .slice(0, nearest)
        if (expected.length === 0) continue
        const own = keyOf(it)
        const metric = [...metrics.values()][0]!
        const question = { column: name, metric, vector: it.vector, count: expected.length + 1 }
        const found = (await nearestRows(tx, known, question)).filter((row) => row.key !== own)
        const hits = agreeing(expected, found.slice(0, expected.length))
        same += hits
        total += expected.length
        if (hits < expected.length) samples.push(`${it.key.toString()}: ${hits} of ${expected.length}`)
      }
      return { ...searched, same, total, samples }
    },
    { readOnly: true },
  )
}

interface Asked {
  readonly key: Buffer
  readonly mapping: CompiledMapping
  readonly row: Row
  readonly vector: readonly number[]
  readonly found: readonly { readonly key: Buffer; readonly distance: number }[]
}

// The store's own search is approximate, and records may be equally far: what is as near as its last answer is right, too.
function agreeing(expected: readonly NearRow[], found: readonly NearRow[]): number {
  const keys = new Set(expected.map((it) => it.key))
  const last = expected.at(-1)!.distance
  const reach = last + Math.abs(last) * 1e-4 + 1e-6
  return found.filter(({ key, distance }) => keys.has(key) || distance <= reach).length
}

/** Always the same ones: those with the smallest digests. */
async function pickKeys(
  { compiled, plan, signal }: Scope,
  source: Source,
  {
    prefixes,
    mappings,
  }: { readonly prefixes: readonly Buffer[]; readonly mappings: readonly CompiledMapping[] },
  records: number,
): Promise<readonly Buffer[]> {
  const router = compiled.router(plan.source)
  const wanted = new Set(mappings)
  let picked: { readonly digest: string; readonly key: Buffer }[] = []
  for (const prefix of prefixes) {
    const pages = source.scan({
      prefix,
      want: (key) => (router.mayClaim(key, wanted) === 'entry' ? 'key' : 'nothing'),
    })
    for await (const { entries } of pages) {
      signal.throwIfAborted()
      const digested = entries.map(({ key }) => ({
        digest: createHash('sha256').update(key).digest('hex'),
        key,
      }))
      picked = [...picked, ...digested].sort((a, b) => (a.digest < b.digest ? -1 : 1)).slice(0, records)
    }
  }
  return picked.map((it) => it.key)
}

/** What becomes of keys, as far as they become rows of these mappings. */
const rowsFrom =
  ({ compiled, plan }: Scope, source: Source, mappings: readonly CompiledMapping[]) =>
  async (keys: readonly Buffer[]) => {
    const router = compiled.router(plan.source)
    const made: { readonly key: Buffer; readonly mapping: CompiledMapping; readonly row: Row }[] = []
    for await (const { entries } of source.read(keys)) {
      for (const entry of entries) {
        forwardClaims(router.route(entry.key, entry.type), entry, (mapping) =>
          mappings.includes(mapping) && sameTable(mapping.table.name, mappings[0]!.table.name)
            ? {
                row: (row) => made.push({ key: entry.key, mapping, row }),
                reject: () => {},
                filtered: () => {},
                unmapped: () => {},
              }
            : undefined,
        )
      }
    }
    return made
  }

function unfit(
  column: string,
  metrics: ReadonlyMap<string, Metric>,
  indexes: readonly VectorIndex[],
): readonly string[] {
  const kinds = new Set(metrics.values())
  const said = [...metrics].map(([of, metric]) => `${of} by ${metric}`).join(', ')
  if (kinds.size > 1) return [`${column}: no search can be as those of its collections, ${said}`]
  return indexes.length === 0 || kinds.size === 0 || indexes.some((it) => kinds.has(it.metric as Metric))
    ? []
    : indexes.map((it) => `${column}: index ${it.name} measures by ${it.metric}, ${said}`)
}

function told({ column, metrics, indexes, records, same, total }: Searched): string {
  const by = [...new Set(metrics.values())].join(', ')
  const index = indexes.length === 0 ? 'no index: rows are compared one by one' : indexes.map((it) => it.name)
  const share = total === 0 ? 0 : Math.floor((1000 * same) / total) / 10
  return `${column} by ${by || 'no metric'} (${index}): ${same.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} neighbours of ${counted(records, 'record')} are the same, recall ${share} %.`
}

const distinct = (keys: readonly Buffer[]): readonly Buffer[] => [
  ...new Map(keys.map((it) => [it.toString('latin1'), it])).values(),
]
