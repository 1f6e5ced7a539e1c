import { expect } from 'vitest'
import { ByteStrings } from '../../src/byte-strings.ts'
import { forwardClaims } from '../../src/mapping/claim.ts'
import { compileMapping } from '../../src/mapping/compile.ts'
import { DECODERS } from '../../src/mapping/decoders.ts'
import type { CompiledMapping, Router } from '../../src/mapping/mapping.ts'
import { createRouter } from '../../src/mapping/router.ts'
import type { PlanCatalog } from '../../src/plan/catalog.ts'
import { loadProject } from '../../src/plan/load.ts'
import { mappingsOf, type Project } from '../../src/plan/plan.ts'
import { type ColumnDefinition, sameTable } from '../../src/plan/table.ts'
import { PackedHash } from '../../src/sources/packed-hash.ts'
import type { Entry, EntryValue } from '../../src/sources/source.ts'
import { encodeTuple, TupleWriter } from '../../src/target/codec.ts'
import type { WireType } from '../../src/target/column-types.ts'
import { TRANSFORMS } from '../../src/transforms/index.ts'
import type { Cell } from '../../src/value.ts'
import { memoryFiles } from '../plan/project.ts'

/** The language with the real transforms and decoders. */
export const catalog: PlanCatalog = {
  transforms: new Map(TRANSFORMS.map((it) => [it.name, it])),
  decoders: new Map(DECODERS.map((it) => [it.name, it])),
  checks: new Map([['coverage', { options: { type: 'object' }, summary: 'For the tests.' }]]),
  sources: new Map([['rdb', { driver: 'rdb', options: [] }]]),
  tariffs: new Map([['neon-free', { title: 'Neon Free', provider: 'neon' }]]),
}

export interface Compiled {
  readonly project: Project
  readonly router: Router
  mapping(name: string, plan?: string): CompiledMapping
  /** What becomes of an entry. */
  forward(entry: Entry): Outcome
}

export interface Outcome {
  /** `uncovered`, the fate of a skip, or the plan. */
  readonly claimed: string
  readonly rows: readonly {
    readonly into: string
    readonly cells: Readonly<Record<string, Cell>>
    readonly part: string
  }[]
  readonly rejects: readonly {
    readonly code: string
    readonly column?: string
    readonly part: string
    readonly message: string
  }[]
  readonly filtered: readonly string[]
  readonly unmapped: readonly string[]
}

/** Loads plans (YAML, the lines below `version: 1`) with their tables, and compiles them. Throws what is wrong with them. */
export async function compilePlans(...plans: readonly string[]): Promise<Compiled> {
  const { project, diagnostics } = await loadProject({
    file: 'migrations.yaml',
    root: '/project',
    files: memoryFiles({
      'migrations.yaml':
        'version: 1\nsources: { kv: "rdb:./kv.rdb" }\ntarget: "pglite:./pg"\nplans: plans/*.yaml\n',
      ...Object.fromEntries(
        plans.map((text, index) => [`plans/p${index}.yaml`, `version: 1\nplan: p${index}\n${text}`]),
      ),
    }),
    catalog,
  })
  if (!project)
    throw new Error(
      diagnostics.map((it) => `${it.at?.line}:${it.at?.column} ${it.code} ${it.message}`).join('\n'),
    )
  return compileAll(project)
}

export function compileAll(project: Project, source = 'kv'): Compiled {
  const mappings = new Map<string, CompiledMapping>()
  for (const plan of project.plans) {
    for (const mapping of mappingsOf(plan)) {
      const table = project.plans.flatMap((it) => it.tables).find((it) => sameTable(it.name, mapping.into))
      if (!table) throw new Error(`no table for ${mapping.name}`)
      mappings.set(`${plan.name}/${mapping.name}`, compileMapping({ plan, mapping, table, ...parts }))
    }
  }
  const mapping = (name: string, plan = 'p0'): CompiledMapping => {
    const found = mappings.get(`${plan}/${name}`)
    if (!found) throw new Error(`no mapping ${plan}/${name}`)
    return found
  }
  const router = createRouter(source, project, (plan, name) => mapping(name, plan))
  return { project, router, mapping, forward: (entry) => forward(router, entry) }
}

export const parts = { transforms: byName(TRANSFORMS), decoders: byName(DECODERS) }

function byName<T extends { readonly name: string }>(things: readonly T[]): ReadonlyMap<string, T> {
  return new Map(things.map((it) => [it.name, it]))
}

function forward(router: Router, entry: Entry): Outcome {
  const rows: Outcome['rows'][number][] = []
  const rejects: Outcome['rejects'][number][] = []
  const filtered: string[] = []
  const unmapped: string[] = []
  const claim = forwardClaims(router.route(entry.key, entry.type), entry, ({ columns, mapping }) => ({
    row: (cells, part) =>
      rows.push({
        into: mapping.name,
        cells: Object.fromEntries(columns.map(({ name }, index) => [name, cells[index] as Cell])),
        part: part(),
      }),
    reject: (reject, part) => rejects.push({ ...reject, part: part() }),
    filtered: (part) => filtered.push(part()),
    unmapped: (field) => unmapped.push(field),
  }))
  const claimed = claim === undefined ? 'uncovered' : claim.kind === 'skip' ? claim.skip.fate : claim.plan
  const outcome = { claimed, rows, rejects, filtered, unmapped }
  const expected = withBytes(router, entry, outcome)
  expect(bytesOf(router, entry)).toEqual(expected)
  const packed = inOnePiece(entry)
  if (packed) expect(bytesOf(router, packed)).toEqual(expected)
  return outcome
}

/** The entry as a store gives it that has a hash in one piece; undefined for every other. */
function inOnePiece(entry: Entry): Entry | undefined {
  const { value } = entry
  if (value?.type !== 'hash' || value.expiries) return undefined
  const places: number[] = []
  const bytes: Buffer[] = [Buffer.from('$')]
  let at = 1
  for (const it of value.pairs) {
    places.push(at, at + it.length)
    bytes.push(it, Buffer.from('"'))
    at += it.length + 1
  }
  return {
    ...entry,
    value: new PackedHash(new ByteStrings(Buffer.concat(bytes), places, at - 1 - value.pairs.length)),
  }
}

/** The wire type of a column, as far as it matters for what is written. */
const wireOf = ({ type }: ColumnDefinition): WireType => ({ type, oid: 1, sql: type.sql })

/** The same entry for a sink that takes bytes: what it is told, with rows in binary. */
export function bytesOf(router: Router, entry: Entry) {
  const told = { rows: [] as object[], rejects: [] as object[], filtered: 0, unmapped: [] as string[] }
  forwardClaims(router.route(entry.key, entry.type), entry, ({ columns, mapping }) => {
    const writer = new TupleWriter(columns.map(wireOf))
    const add = (part: string) =>
      told.rows.push({ into: mapping.name, part, tuple: Buffer.from(writer.tuple(writer.count - 1)) })
    return {
      bytes: writer,
      wrote: (part) => add(part()),
      row: (cells, part) => {
        writer.append(cells)
        add(part())
      },
      reject: (reject, part) => told.rejects.push({ ...reject, part: part() }),
      filtered: () => (told.filtered += 1),
      unmapped: (field) => told.unmapped.push(field),
    }
  })
  return told
}

/** What `bytesOf` has to give for an entry of which this became. */
function withBytes(router: Router, entry: Entry, { rows, rejects, filtered, unmapped }: Outcome) {
  const columns = new Map<string, readonly ColumnDefinition[]>()
  forwardClaims(router.route(entry.key, entry.type), entry, (compiled) => {
    columns.set(compiled.mapping.name, compiled.columns)
    return undefined
  })
  return {
    rows: rows.map(({ into, part, cells }) => ({
      into,
      part,
      tuple: Buffer.from(encodeTuple(columns.get(into)!.map(wireOf), Object.values(cells))),
    })),
    rejects,
    filtered: filtered.length,
    unmapped,
  }
}

type Bytes = string | Buffer
const bytes = (it: Bytes): Buffer => (Buffer.isBuffer(it) ? it : Buffer.from(it))

function entryOf(key: Bytes, value: EntryValue, options: Partial<Entry> = {}): Entry {
  return { key: bytes(key), type: value.type, value, expiresAt: null, offset: 0, more: false, ...options }
}

export const string = (key: Bytes, value: Bytes, options?: Partial<Entry>): Entry =>
  entryOf(key, { type: 'string', bytes: bytes(value) }, options)
export const json = (key: Bytes, value: unknown, options?: Partial<Entry>): Entry =>
  string(key, JSON.stringify(value), options)
export const hash = (
  key: Bytes,
  fields: Readonly<Record<string, Bytes>> | readonly Bytes[],
  options?: Partial<Entry>,
): Entry => entryOf(key, { type: 'hash', pairs: pairsOf(fields) }, options)
const pairsOf = (fields: Readonly<Record<string, Bytes>> | readonly Bytes[]): Buffer[] =>
  (Array.isArray(fields) ? fields : Object.entries(fields).flat()).map(bytes)
export const list = (key: Bytes, items: readonly Bytes[], options?: Partial<Entry>): Entry =>
  entryOf(key, { type: 'list', items: items.map(bytes) }, options)
export const set = (key: Bytes, members: readonly Bytes[], options?: Partial<Entry>): Entry =>
  entryOf(key, { type: 'set', members: members.map(bytes) }, options)
export const zset = (
  key: Bytes,
  scores: readonly (readonly [Bytes, number])[],
  options?: Partial<Entry>,
): Entry =>
  entryOf(
    key,
    { type: 'zset', members: scores.map(([it]) => bytes(it)), scores: scores.map(([, it]) => it) },
    options,
  )
export const stream = (
  key: Bytes,
  messages: readonly (readonly [string, Readonly<Record<string, Bytes>> | readonly Bytes[]])[],
): Entry =>
  entryOf(key, {
    type: 'stream',
    messages: messages.map(([id, fields]) => ({ id, pairs: pairsOf(fields) })),
  })
