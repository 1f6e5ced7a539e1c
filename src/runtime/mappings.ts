import { basename, dirname, resolve } from 'node:path'
import { MAPPING_PARTS, PLAN_CATALOG } from '../catalog.ts'
import { formatDiagnostic } from '../diagnostic.ts'
import { KvmigError } from '../errors.ts'
import { forwardClaims } from '../mapping/claim.ts'
import { type CompiledProject, compileProject } from '../mapping/compiled-project.ts'
import { loadProject } from '../plan/load.ts'
import { filesIn } from '../plan/project-files.ts'
import { showTable } from '../plan/table.ts'
import type { Entry } from '../sources/source.ts'
import type { Cell, Reject } from '../value.ts'

/**
 * The part of kvmig that lives inside the migrating application. In this version: the plans' mappings, the very ones that the backfill and
 * every check use, so that an application's own tests can ask what kvmig will make of what it writes. Dual-write comes with phase B.
 */
export interface Mappings {
  /** What becomes of an entry of a source (default: the only one). */
  forward(entry: EntryInput, source?: string): Mapped
  /** The entry that rows of a mapping came from, in canonical form. Throws ONE_WAY where the mapping has no way back. */
  inverse(plan: string, mapping: string, rows: readonly Readonly<Record<string, Cell>>[]): EntryOutput
}

/** Text stands for its UTF-8 bytes; `expiresAt` is in milliseconds since 1970. */
export interface EntryInput {
  readonly key: string | Buffer
  readonly value: NonNullable<Entry['value']>
  readonly expiresAt?: number | null
}

export type EntryOutput = Pick<Entry, 'key' | 'type' | 'value' | 'expiresAt'>

/** `taken`: a mapping claims the entry. `left`: a rule leaves it where it is, for this reason. `uncovered`: no rule has it. */
export type Mapped =
  | {
      readonly fate: 'taken'
      readonly plan: string
      readonly rows: readonly {
        readonly table: string
        readonly mapping: string
        readonly row: Readonly<Record<string, Cell>>
      }[]
      readonly rejects: readonly (Reject & { readonly mapping: string; readonly part: string })[]
    }
  | { readonly fate: 'left'; readonly as: 'index' | 'ephemeral' | 'ignored'; readonly because: string }
  | { readonly fate: 'uncovered' }

/** Reads a project file and compiles its mappings; opens no store. Throws PLAN_REFUSED with every mistake of the plans. */
export async function openMappings(file = 'migrations.yaml'): Promise<Mappings> {
  const path = resolve(file)
  const { project, diagnostics } = await loadProject({
    file: basename(path),
    root: dirname(path),
    files: filesIn(dirname(path)),
    catalog: PLAN_CATALOG,
  })
  if (!project) throw new KvmigError('PLAN_REFUSED', diagnostics.map(formatDiagnostic).join('\n'))
  const compiled = compileProject(project, MAPPING_PARTS)
  const [only] = project.sources.keys()
  return {
    forward: (entry, source = only ?? '') => forward(compiled, source, entry),
    inverse: (plan, name, rows) => {
      const { columns, inverse, oneWay } = compiled.mapping(plan, name)
      if (inverse) return inverse(rows.map((row) => columns.map((it) => row[it.name] ?? null)))
      throw new KvmigError(
        'ONE_WAY',
        `${plan} ${name} has no way back: ${oneWay.map((it) => `${it.column}: ${it.why}`).join('; ')}.`,
      )
    },
  }
}

function forward(
  compiled: CompiledProject,
  source: string,
  { key, value, expiresAt = null }: EntryInput,
): Mapped {
  const bytes = typeof key === 'string' ? Buffer.from(key) : key
  const entry: Entry = { key: bytes, type: value.type, value, expiresAt, offset: 0, more: false }
  const rows: Extract<Mapped, { fate: 'taken' }>['rows'][number][] = []
  const rejects: Extract<Mapped, { fate: 'taken' }>['rejects'][number][] = []
  const claim = forwardClaims(
    compiled.router(source).route(bytes, value.type),
    entry,
    ({ mapping, table, columns }) => ({
      row: (cells) =>
        rows.push({
          table: showTable(table.name),
          mapping: mapping.name,
          row: Object.fromEntries(columns.map((it, place) => [it.name, cells[place]!])),
        }),
      reject: (reject, part) => rejects.push({ ...reject, mapping: mapping.name, part: part() }),
      filtered: () => {},
      unmapped: () => {},
    }),
  )
  if (!claim) return { fate: 'uncovered' }
  if (claim.kind === 'skip') return { fate: 'left', as: claim.skip.fate, because: claim.skip.because }
  return { fate: 'taken', plan: claim.plan, rows, rejects }
}
