import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MAPPING_PARTS, PLAN_CATALOG } from '../../src/catalog.ts'
import { readJson } from '../../src/json/read-json.ts'
import { writeJson } from '../../src/json/write-json.ts'
import { type CompiledProject, compileProject } from '../../src/mapping/compiled-project.ts'
import { groupOf } from '../../src/mapping/group.ts'
import type { CompiledMapping } from '../../src/mapping/mapping.ts'
import { loadProject } from '../../src/plan/load.ts'
import { mappingsOf } from '../../src/plan/plan.ts'
import { filesIn } from '../../src/plan/project-files.ts'
import { redis } from '../../src/sources/redis.ts'
import type { Entry } from '../../src/sources/source.ts'
import { Decimal, type Row, type Value } from '../../src/value.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { byKey, entriesOf } from '../sources/entries.ts'
import { readCases } from './case.ts'

/** What a mapping makes of an entry; undefined where not all of it becomes rows. */
function rowsOf(mapping: CompiledMapping, entry: Entry): readonly Row[] | undefined {
  const rows: Row[] = []
  let isWhole = true
  const claimed = mapping.forward(entry, {
    row: (row) => rows.push(row),
    reject: () => {
      isWhole = false
    },
    filtered: () => {
      isWhole = false
    },
    unmapped: () => {},
  })
  return claimed === 'claimed' && isWhole && rows.length > 0 ? rows : undefined
}

/** Entries of mappings with a way back; the other cases have none: their keys are not kept, or their rows are made of parts. */
const TRIED: Readonly<Record<string, number>> = { '12-deno-saaskit': 5, '19-envshare': 103 }

describe.each(readCases())('case $name, where a mapping claims a way back', (it) => {
  let server: FreshRedis
  let compiled: CompiledProject
  let pairs: readonly { readonly mapping: CompiledMapping; readonly entry: Entry }[]

  beforeAll(async () => {
    server = await freshRedis()
    await it.seed(server.client)
    const source = await redis.open(server.url, { root: '/', signal: new AbortController().signal })
    const entries = await entriesOf(source.scan({ prefix: Buffer.alloc(0), want: () => 'entry' }))
    await source.close()
    const { project, diagnostics } = await loadProject({
      file: 'migrations.yaml',
      root: it.project,
      files: filesIn(it.project),
      catalog: PLAN_CATALOG,
    })
    if (!project) throw new Error(JSON.stringify(diagnostics))
    compiled = compileProject(project, MAPPING_PARTS)
    pairs = project.plans.flatMap((plan) =>
      mappingsOf(plan)
        .filter((mapping) => groupOf(plan, mapping).length === 1)
        .map((mapping) => compiled.mapping(plan.name, mapping.name))
        .filter((mapping) => mapping.inverse)
        .flatMap((mapping) =>
          entries
            .filter((entry) =>
              compiled
                .router(plan.source)
                .route(entry.key, entry.type)
                .some((claim) => claim.kind === 'mappings' && claim.mappings.includes(mapping)),
            )
            .map((entry) => ({ mapping, entry })),
        ),
    )
  })
  afterAll(() => server.stop())

  test('there are entries to try it with', () => {
    expect(pairs.length).toBeGreaterThanOrEqual(TRIED[it.name] ?? 0)
  })

  test('the entry that is made of its rows is the entry, in canonical form', () => {
    for (const { mapping, entry } of pairs.filter((it) => !fillsIn(it.mapping))) {
      const rows = rowsOf(mapping, entry)
      if (!rows) continue
      const back = { ...mapping.inverse!(rows), offset: 0, more: false }
      expect(canonical(back, mapping)).toEqual(canonical(entry, mapping))
    }
  })

  test('forward, back and forward again gives the same rows', () => {
    for (const { mapping, entry } of pairs) {
      const rows = rowsOf(mapping, entry)
      if (!rows) continue
      const back = { ...mapping.inverse!(rows), offset: 0, more: false }
      expect(rowsOf(mapping, back)).toEqual(rows)
      expect(mapping.inverse!(rows)).toEqual(mapping.inverse!(rowsOf(mapping, back)!))
    }
  })
})

/** Does the plan have a constant for what is missing (`totalDays ?? const('0')`)? Then the entry comes back with it, and only the rows can be compared. */
const fillsIn = ({ mapping }: CompiledMapping): boolean =>
  mapping.fields.some((it) => JSON.stringify(it.expression).includes('"coalesce"'))

/** What an entry says, without what the plan drops by name and without nulls; objects in the order of their keys. */
function canonical(entry: Entry, { mapping, takesExpiry }: CompiledMapping): unknown {
  const [comparable] = [...byKey([entry]).values()]
  const { type, value, expiresAt } = comparable!
  const keepsExpiry = takesExpiry && !mapping.unmapped?.expiry
  return {
    key: entry.key.toString('latin1'),
    type,
    value: plain(value),
    expiresAt: keepsExpiry ? expiresAt : null,
  }

  function plain(it: unknown): unknown {
    if (Array.isArray(it)) return it.map(plain).filter((one) => !isDropped(one))
    if (typeof it !== 'string' || mapping.decode.length === 0) return it
    try {
      return writeJson(withoutNulls(readJson(Buffer.from(it, 'latin1'))))
    } catch {
      return it
    }
  }

  function isDropped(pair: unknown): boolean {
    const dropped = mapping.unmapped?.fields
    if (!Array.isArray(pair) || pair.length !== 2 || !dropped) return false
    return dropped === 'all' ? !named.has(String(pair[0])) : dropped.some((path) => path[0] === pair[0])
  }
}

const named: ReadonlySet<string> = new Set()

// Canonical form writes a number as a number, whether it was one or text before: `int` takes both.
function withoutNulls(value: Value): Value {
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return new Decimal(value)
  if (!(value instanceof Map)) return value
  return new Map(
    [...(value as Map<string, Value>)]
      .filter(([, it]) => it !== null)
      .map(([name, it]) => [name, withoutNulls(it)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}
