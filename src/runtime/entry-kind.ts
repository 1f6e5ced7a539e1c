import { KvmigError } from '../errors.ts'
import { forwardClaims } from '../mapping/claim.ts'
import type { CompiledProject } from '../mapping/compiled-project.ts'
import { dualWriteObstacle } from '../mapping/dual-write-obstacle.ts'
import { type Grain, grainOf, partOfGrain } from '../mapping/grain.ts'
import type { CompiledMapping, Part } from '../mapping/mapping.ts'
import { wayBack } from '../mapping/way-back.ts'
import type { Plan } from '../plan/plan.ts'
import type { Change } from '../sources/change.ts'
import type { Entry } from '../sources/source.ts'
import type { Place } from '../state/touches.ts'
import type { Cell, Reject, Row } from '../value.ts'
import type { Refusal } from './record-kind.ts'

/** A row that an entry gives, and the mapping and the part of the entry that it comes from. */
export interface MappedRow {
  readonly mapping: CompiledMapping
  readonly part: Part
  readonly row: Row
}

/** What an entry becomes. `unclaimed`: no rule of the plan takes it. */
export interface MappedEntry {
  readonly rows: readonly MappedRow[]
  readonly rejects: readonly (Reject & { readonly mapping: string })[]
  /** Fields, or the expiry, that no column takes and that no mapping drops by name. */
  readonly unmapped: readonly string[]
  readonly unclaimed: boolean
}

/**
 * The entries of some keys as dual-write sees them where a record is more than one place and one row: a place (the key, or an element of
 * it) and all rows that it gives, in all tables, which change together.
 */
export interface EntryKind {
  readonly plan: string
  readonly source: string
  readonly element: Grain
  /** All that may have rows of these entries, in file order. */
  readonly mappings: readonly CompiledMapping[]
  /** Can other records give the same rows? */
  readonly collides: boolean
  forward(entry: Entry): MappedEntry
  /** What the source gets for all rows of a place. Absent where there is no way back, with the reasons in `oneWay`. */
  readonly changeOf?: (rows: readonly Pick<MappedRow, 'mapping' | 'row'>[]) => Change
  readonly oneWay: readonly string[]
  /** Which rows of a mapping's table a place has, where the columns of the row's key tell: their names and cells. */
  keyed(mapping: CompiledMapping, place: Place): readonly (readonly [column: string, cell: Cell])[]
}

/** Compiles the entries that these mappings of one plan read, or says why they cannot be written to both sides. */
export function compileEntryKind(
  plan: Plan,
  mappings: readonly CompiledMapping[],
  compiled: CompiledProject,
): EntryKind | Refusal {
  const [first] = mappings
  if (!first) throw new Error('no mapping reads these entries')
  const refuse = ({ mapping }: CompiledMapping, because: string): Refusal => ({
    mapping: mapping.name,
    because,
  })
  const grains = new Set(mappings.map((it) => grainOf(plan, it.mapping)))
  if (grains.size > 1)
    return refuse(first, 'rules that may have the same keys make records of the whole and of its elements')
  for (const it of mappings) {
    const why = dualWriteObstacle(it, compiled)
    if (why) return refuse(it, why)
  }
  const [element] = grains as Set<Grain>
  const collides = mappings.some((it) => compiled.collides(it.table.name))
  const { oneWay, inverse } = wayBack(mappings, compiled)
  const router = compiled.router(plan.source)
  return {
    plan: plan.name,
    source: plan.source,
    element: element!,
    mappings,
    collides,
    forward: (entry) => {
      const rows: MappedRow[] = []
      const rejects: (Reject & { mapping: string })[] = []
      const unmapped: string[] = []
      const claim = forwardClaims(router.route(entry.key, entry.type), entry, (mapping) => ({
        row: (row, part) => rows.push({ mapping, part: part(), row }),
        reject: (reject) => rejects.push({ ...reject, mapping: mapping.mapping.name }),
        filtered: () => {},
        unmapped: (field) => unmapped.push(field),
      }))
      return { rows, rejects, unmapped, unclaimed: !claim || claim.plan !== plan.name }
    },
    ...(inverse && {
      changeOf: (rows): Change => {
        const { value, expiresAt } = inverse(rows)
        return { do: 'put', value: value!, expiresAt }
      },
    }),
    oneWay: oneWay.map(({ column, why }) => (column === '*' ? why : `${column}: ${why}`)),
    keyed: compiled.keyCells,
  }
}

/** Is a part of an entry what this place is about? All parts of a key are, where the place is the key. */
export const isWithin = (grain: Grain, place: Place, part: Part): boolean =>
  place.part === '' || partOfGrain(grain, part) === place.part

export const entryOneWay = ({ plan, oneWay }: EntryKind): KvmigError =>
  new KvmigError('ONE_WAY', `${plan} has no way back from rows to the source: ${oneWay.join('; ')}.`, {
    hint: 'Read the rows with SQL; commands that write go on as long as the source has what they look at.',
  })
