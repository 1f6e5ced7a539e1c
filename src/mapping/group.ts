import { type Each, type Mapping, mappingsOf, type Plan } from '../plan/plan.ts'
import { type FieldPath, type FieldTree, fieldTree, withStars } from './field-tree.ts'
import { type FieldsRead, fieldsRead } from './fields-read.ts'

/** What the mappings that read the same entries take between them: nobody's field is called dropped while another has it. */
export interface Group {
  readonly members: readonly Mapping[]
  /** What of this mapping's records somebody takes, or drops by name. */
  readonly record: FieldTree
  /** For a path of `each`: what of the whole somebody takes, drops or goes into; `all` where another mapping tells of it. */
  readonly whole: FieldTree
  /** Fields of the record that some column names: what `rest()` leaves out. */
  readonly named: ReadonlySet<string>
  /** Does one of them take the expiry, or drop it by name? */
  readonly takesExpiry: boolean
  /** The same of the expiries of a hash's fields. */
  readonly takesFieldExpiry: boolean
}

/** Mappings of one plan with the same `match` and type read the same entries. */
export const groupOf = (plan: Plan, mapping: Mapping): readonly Mapping[] =>
  mappingsOf(plan).filter((it) => it.match.source === mapping.match.source && it.type === mapping.type)

export function compileGroup(plan: Plan, mapping: Mapping): Group {
  const members = groupOf(plan, mapping)
  const isInside = mapping.each?.kind === 'path'
  const sameWhole = members.filter((it) => wholeOf(it.each) === wholeOf(mapping.each))
  const sameRecord = members.filter((it) => shapeOf(it.each) === shapeOf(mapping.each))
  const whole = fieldTree(
    sameWhole.flatMap((it) => [...wholeRead(it), ...dropped(it)]),
    { rest: sameWhole.some((it) => it.each?.kind !== 'path' && fieldsRead(it).rest) },
  )
  const record = isInside
    ? fieldTree(
        sameRecord.flatMap((it) => [...fieldsRead(it).record, ...dropped(it)]),
        { rest: sameRecord.some((it) => fieldsRead(it).rest) },
      )
    : whole
  const teller = sameWhole.find((it) => it.each === undefined) ?? sameWhole[0]
  return {
    members,
    record,
    whole: mapping === teller ? whole : 'all',
    named: firstNames(
      isInside ? sameRecord.flatMap((it) => fieldsRead(it).record) : sameWhole.flatMap(wholeRead),
    ),
    takesExpiry: members.some((it) => it.unmapped?.expiry || fieldsRead(it).takesExpiry),
    takesFieldExpiry: members.some((it) => it.unmapped?.fieldExpiry || fieldsRead(it).takesFieldExpiry),
  }
}

/** What a mapping takes of the whole: its record, unless a path of `each` leads inside. */
export function wholeRead(mapping: Mapping): FieldsRead['record'] {
  const { record, around } = fieldsRead(mapping)
  return mapping.each?.kind === 'path' ? around : record
}

function dropped({ unmapped }: Mapping): readonly FieldPath[] {
  if (!unmapped) return []
  return unmapped.fields === 'all' ? [[]] : unmapped.fields.map(withStars)
}

function firstNames(paths: readonly FieldPath[]): ReadonlySet<string> {
  return new Set(paths.flatMap(([first]) => (typeof first === 'string' ? [first] : [])))
}

/** What a path of `each` starts from is what the mapping without `each` has as its record. */
const wholeOf = (each: Each | undefined): string =>
  each === undefined || each.kind === 'path' ? 'whole' : each.kind

const shapeOf = (each: Each | undefined): string =>
  each?.kind === 'path' ? JSON.stringify(each) : wholeOf(each)
