import type { ValueKind } from '../value.ts'
import type { Literal } from './expression.ts'
import type { Tariff } from './plan.ts'

/**
 * What the compiler needs to know of the registered parts, so that it stays pure and imports none of them. `src/catalog.ts` fills it.
 */
export interface PlanCatalog {
  readonly transforms: ReadonlyMap<string, TransformSignature>
  readonly decoders: ReadonlyMap<string, DecoderSignature>
  readonly checks: ReadonlyMap<string, OptionSignature>
  /** URL schemes, e.g. `redis`, and the driver's name. */
  readonly sources: ReadonlyMap<string, { readonly driver: string; readonly options: readonly string[] }>
  /** Quotas and prices of storage by name, e.g. `neon-free`. */
  readonly tariffs: ReadonlyMap<string, Tariff>
}

/** A JSON Schema object for what a plan may say about a part. */
export type OptionSchema = Readonly<Record<string, unknown>>

export interface OptionSignature {
  readonly options: OptionSchema
  readonly summary: string
  /** Asked at every gate, whatever a plan lists: its options weaken it. */
  readonly mandatory?: boolean
}

export interface Parameter {
  readonly name: string
  readonly type: 'text' | 'integer' | 'number' | 'boolean' | 'list' | 'map' | 'any'
  readonly optional?: boolean
}

export interface TransformSignature {
  readonly summary: string
  readonly parameters: readonly Parameter[]
  readonly takes: readonly ValueKind[]
  /** The kind it gives for an input of that kind. */
  readonly gives: (input: ValueKind) => ValueKind
  /** Where the arguments say what it takes and gives. */
  readonly typesOf?: (
    args: readonly Literal[],
  ) => { readonly takes: readonly ValueKind[]; readonly gives: ValueKind } | undefined
  /** Why the way back loses something; undefined where the transform has an inverse. */
  readonly oneWay?: string
}

export interface DecoderSignature {
  readonly summary: string
  /** Number of arguments it takes, at least and at most. */
  readonly arity: readonly [number, number]
  readonly takes: 'bytes' | 'text' | 'any'
  readonly gives: ValueKind
}
