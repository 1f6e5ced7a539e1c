import { type Each, type Mapping, mappingsOf, type Plan } from '../plan/plan.ts'
import { type Fields, fieldsRead } from './fields-read.ts'

/** What the mappings that read the same entries take between them: nobody's field is called dropped while another has it. */
export interface Group {
  readonly members: readonly Mapping[]
  /** Fields of this mapping's records that somebody takes (`all`: the whole). */
  readonly record: Fields
  /** For a path of `each`: fields of the whole that somebody takes, or goes into; `all` where another mapping tells of them. */
  readonly whole: Fields
  /** Fields of the record that some column names: what `rest()` leaves out. */
  readonly named: ReadonlySet<string>
  /** Does one of them take the expiry, or drop it by name? */
  readonly takesExpiry: boolean
}

/** Mappings of one plan with the same `match` and type read the same entries. */
export const groupOf = (plan: Plan, mapping: Mapping): readonly Mapping[] =>
  mappingsOf(plan).filter((it) => it.match.source === mapping.match.source && it.type === mapping.type)

export function compileGroup(plan: Plan, mapping: Mapping): Group {
  const members = groupOf(plan, mapping)
  const sameWhole = members.filter((it) => wholeOf(it.each) === wholeOf(mapping.each))
  const sameRecord = members.filter((it) => shapeOf(it.each) === shapeOf(mapping.each))
  const takenOf = (it: Mapping, level: 'record' | 'whole'): Fields =>
    it.unmapped ? 'all' : fieldsRead(it)[level]
  const named = new Set<string>()
  for (const it of sameRecord) for (const field of fieldsRead(it).named) named.add(field)
  if (mapping.each?.kind !== 'path')
    for (const it of sameWhole) for (const field of fieldsRead(it).inside) named.add(field)
  const whole = unite(sameWhole.map((it) => takenOf(it, 'whole')))
  const teller = sameWhole.find((it) => it.each === undefined) ?? sameWhole[0]
  return {
    members,
    record: mapping.each?.kind === 'path' ? unite(sameRecord.map((it) => takenOf(it, 'record'))) : whole,
    whole: mapping === teller ? whole : 'all',
    named,
    takesExpiry: members.some((it) => it.ttl !== undefined || fieldsRead(it).takesExpiry),
  }
}

/** What a path of `each` starts from is what the mapping without `each` has as its record. */
const wholeOf = (each: Each | undefined): string =>
  each === undefined || each.kind === 'path' ? 'whole' : each.kind

const shapeOf = (each: Each | undefined): string =>
  each?.kind === 'path' ? JSON.stringify(each) : wholeOf(each)

function unite(sets: readonly Fields[]): Fields {
  const union = new Set<string>()
  for (const set of sets) {
    if (set === 'all') return 'all'
    for (const field of set) union.add(field)
  }
  return union
}
