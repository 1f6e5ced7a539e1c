import { captureNames } from '../plan/key-pattern.ts'
import type { Mapping, Plan } from '../plan/plan.ts'
import type { TableDefinition } from '../plan/table.ts'
import type { Entry } from '../sources/source.ts'
import type { Cell, Row } from '../value.ts'
import { compileMapping, type MappingSource } from './compile.ts'
import { compileLineages } from './lineage.ts'
import type { RecordPlace } from './source-of.ts'

/** Columns of a row's key, by name, with their cells. */
export type KeyCells = readonly (readonly [column: string, cell: Cell])[]
type Keyer = (place: RecordPlace) => KeyCells

/** The columns of the row's key that come from the source key (and the name of a field) alone, and what they are for a place. */
export function compileKeyCells(
  plan: Plan,
  mapping: Mapping,
  table: TableDefinition,
  parts: Pick<MappingSource, 'transforms' | 'decoders'>,
): Keyer {
  const lineages = compileLineages(mapping, parts.transforms)
  const captures = new Set<string>(['key', ...captureNames(mapping.match)])
  const rootOf = (column: string): string | undefined => {
    const lineage = lineages[mapping.fields.findIndex((it) => it.column === column)]
    return lineage?.kind === 'part' && lineage.back && lineage.path.length === 0 ? lineage.root : undefined
  }
  const named = (isOurs: (root: string | undefined) => boolean): Keyer => {
    const fields = mapping.fields.filter((it) => mapping.key.includes(it.column) && isOurs(rootOf(it.column)))
    if (fields.length === 0) return () => []
    const { where: _, each: __, chunks: ___, ...rest } = mapping
    const hasField = fields.some((it) => rootOf(it.column) === 'field')
    const only: Mapping = {
      ...rest,
      type: hasField ? 'hash' : 'string',
      ...(hasField && { each: { kind: 'field' } as const }),
      decode: [],
      fields,
      key: fields.map((it) => it.column),
      unmapped: { fields: 'all', expiry: true, because: 'only the key is wanted' },
    }
    const keys = compileMapping({ plan: { ...plan, rules: [only] }, mapping: only, table, ...parts })
    return ({ key, part }) => {
      const none = Buffer.alloc(0)
      const name = Buffer.from(part.slice(part.indexOf(':') + 1))
      const value: NonNullable<Entry['value']> = hasField
        ? { type: 'hash', pairs: [name, none] }
        : { type: 'string', bytes: none }
      let made: Row | undefined
      const entry: Entry = { key, type: value.type, value, expiresAt: null, offset: 0, more: false }
      keys.forward(entry, {
        row: (row) => {
          made = row
        },
        reject: () => {},
        filtered: () => {},
        unmapped: () => {},
      })
      if (!made) throw new Error(`${plan.name} ${mapping.name}: the key of a row cannot be made from a place`)
      return fields.map((it, index) => [it.column, made![index]!] as const)
    }
  }
  const byKey = named((root) => root !== undefined && captures.has(root))
  const byField = named((root) => root !== undefined && (captures.has(root) || root === 'field'))
  return (place) => (place.part.startsWith('field:') ? byField(place) : byKey(place))
}
