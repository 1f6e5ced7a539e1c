import type { Expression } from '../plan/expression.ts'
import { argumentsOf, isLookup, isSame } from '../plan/lookup.ts'
import { EACH, type Mapping } from '../plan/plan.ts'
import type { BaseType, ColumnDefinition } from '../plan/table.ts'
import type { Transform } from '../transforms/transform.ts'
import type { Value } from '../value.ts'
import { literalArguments } from './expression.ts'

/** Where a column's value comes from, and what happens to it on the way. */
export type Lineage =
  /** From nothing in the source: a constant. */
  | { readonly kind: 'constant' }
  | {
      readonly kind: 'part'
      /** A root: `value` for the record, else `key`, `field`, `index` …, or a capture's name. */
      readonly root: string
      readonly path: readonly (string | number)[]
      /** Fields that others take are not in it. */
      readonly isRest: boolean
      /** The way back; absent where something is lost. */
      readonly back?: ((value: Value) => Value) | undefined
      /** What is lost. */
      readonly loses?: string
      /** Two different parts never give the same value. */
      readonly injective: boolean
      /** What else says the same: the other places of `same($id, id)`. */
      readonly also?: readonly Part[]
    }

type Part = Extract<Lineage, { kind: 'part' }>

/** Every place that a column's value stands in. */
export const partsOf = (lineage: Lineage): readonly Part[] =>
  lineage.kind === 'constant' ? [] : [lineage, ...(lineage.also ?? [])]

/** The lineages of a mapping's columns, in order. Throws ArgumentError for arguments that make no sense. */
export const compileLineages = (
  { fields }: Mapping,
  transforms: ReadonlyMap<string, Transform>,
): readonly Lineage[] => fields.map(({ expression }) => lineageOf(expression, transforms))

function lineageOf(expression: Expression, transforms: ReadonlyMap<string, Transform>): Lineage {
  switch (expression.kind) {
    case 'literal':
      return { kind: 'constant' }
    case 'path':
      return partOf('value', expression.path)
    case 'root':
      return partOf(SAME_AS_VALUE.has(expression.root) ? 'value' : expression.root, expression.path)
    case 'call':
      if (expression.name === 'rest') return { ...partOf('value', []), isRest: true }
      if (expression.name === 'const') return { kind: 'constant' }
      if (isSame(expression.name))
        return together(argumentsOf(expression).map((it) => lineageOf(it, transforms)))
      return {
        ...partOf('computed', []),
        back: undefined,
        injective: false,
        loses: isLookup(expression.name)
          ? 'it is what another key says'
          : 'which of its sources it came from is forgotten',
      }
    case 'cel':
      return { ...partOf('computed', []), back: undefined, injective: false, loses: 'it is computed by CEL' }
    case 'coalesce':
      return coalesced(expression.options.map((it) => lineageOf(it, transforms)))
    case 'pipe':
      return piped(lineageOf(expression.input, transforms), expression, transforms)
  }
}

const SAME_AS_VALUE: ReadonlySet<string> = new Set(['item', 'member'])

const unchanged = (value: Value): Value => value

function partOf(root: string, path: readonly (string | number)[]): Part {
  const part = { kind: 'part', root, path, isRest: false } as const
  const place = path.find((it) => typeof it === 'number')
  if (place !== undefined)
    return { ...part, injective: false, loses: 'the other places of the list are forgotten' }
  return { ...part, back: unchanged, injective: path.length === 0 }
}

/** One value of several places: each of them gets it back. */
function together(places: readonly Lineage[]): Lineage {
  // What tells records apart without a look at the value comes first.
  const parts = places.flatMap(partsOf)
  const [first = partOf('value', []), ...also] = [
    ...parts.filter((it) => it.root !== 'value'),
    ...parts.filter((it) => it.root === 'value'),
  ].map(({ also: _, ...it }) => it)
  return { ...first, also }
}

/** With constants behind it, the first option is the part; with several parts nobody knows which of them it was. */
function coalesced(options: readonly Lineage[]): Lineage {
  const parts = options.filter((it) => it.kind === 'part')
  const [first] = parts
  if (!first) return { kind: 'constant' }
  const { back: _, also: __, ...rest } = first
  if (parts.length === 1 && options[0] === first && !first.also) return { ...first, injective: false }
  return { ...rest, injective: false, loses: 'which of its sources it came from is forgotten' }
}

function piped(
  input: Lineage,
  { transform: name, arguments: args, script }: Extract<Expression, { kind: 'pipe' }>,
  transforms: ReadonlyMap<string, Transform>,
): Lineage {
  const transform = transforms.get(name)
  if (input.kind === 'constant' || !transform) return input
  const { inverse, injective = false } = transform.create([
    ...literalArguments(args),
    ...(script === undefined ? [] : [script]),
  ])
  const through = ({ back, ...part }: Part): Part => {
    if (back && transform.oneWay === undefined && inverse)
      return { ...part, injective: part.injective && injective, back: (value) => back(inverse(value)) }
    const loses = part.loses ?? `${name}: ${transform.oneWay ?? 'with these arguments there is no way back'}`
    return { ...part, injective: false, loses }
  }
  // Each place has a form of its own, and what comes back has to have that of each.
  const { also, ...one } = input
  if (also)
    return { ...one, back: undefined, injective: false, loses: `${name} stands behind same() and not inside` }
  return through(input)
}

/** True if two different records cannot give the same row key. */
export function isInjective({
  mapping,
  columns,
  lineages,
}: {
  readonly mapping: Mapping
  readonly columns: readonly ColumnDefinition[]
  readonly lineages: readonly Lineage[]
}): boolean {
  const kept = new Set(
    lineages.flatMap((lineage, index) => {
      const column = columns[index]!
      if (!mapping.key.includes(column.name)) return []
      return partsOf(lineage)
        .filter((it) => keepsApart(it, column, mapping))
        .map((it) => it.root)
    }),
  )
  const captures = mapping.match.parts.flatMap((it) => (it.kind === 'capture' ? [it.name] : []))
  return (kept.has('key') || captures.every((it) => kept.has(it))) && keepsRecordsApart(mapping, kept)
}

/** Do these roots tell the records of one entry apart? */
function keepsRecordsApart({ each, decode }: Mapping, kept: ReadonlySet<string>): boolean {
  // What lies inside of an element would have to keep the element apart as well.
  if (each && each.kind !== 'path' && each.inside) return false
  switch (each?.kind) {
    case undefined:
      return true
    case 'field':
      return kept.has('field')
    case 'item':
      return kept.has('index')
    case 'message':
      return kept.has('message')
    case 'member':
      return kept.has('value') && decode.every((it) => it.name === 'utf8')
    case 'path': {
      // A record is found by the keys and places on the way; $name and $index are the innermost of each, and NULL in no key.
      const levels = each.path.filter((it) => it === EACH).length
      const depth = levels + (each.path.at(-1) === EACH && each.transforms.length === 0 ? 0 : 1)
      return depth === 1
        ? kept.has('index') || kept.has('name')
        : depth === 2 && kept.has('index') && kept.has('name')
    }
  }
}

/**
 * Are values that differ there different in the column? A uuid column forgets the case of its digits, a timestamp its zone, and some
 * transforms more than that.
 */
export function keepsApart(
  { root, injective }: Part,
  { type }: ColumnDefinition,
  { text }: Pick<Mapping, 'text'>,
): boolean {
  if (!injective || type.array) return false
  // Replaced characters make different members the same.
  if (TEXTS.has(type.base)) return root !== 'value' || text === 'reject'
  return OTHERS.has(type.base)
}

const TEXTS: ReadonlySet<BaseType> = new Set<BaseType>(['text', 'varchar', 'enum'])
const OTHERS: ReadonlySet<BaseType> = new Set<BaseType>([
  'smallint',
  'integer',
  'bigint',
  'numeric',
  'date',
  'bytea',
])
