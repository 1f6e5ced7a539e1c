import { KvmigError } from '../errors.ts'
import type { CompiledMapping, Router } from '../mapping/mapping.ts'
import { ENTRY_TYPES, type EntryType } from '../plan/plan.ts'
import { dualWrite, refuse } from './command-refusal.ts'
import type { EntryKind } from './entry-kind.ts'
import type { RecordKind, Refusal } from './record-kind.ts'

export type AnyKind = RecordKind | EntryKind

/** Who has a key: its plan, and how it is written. */
export interface Claimed {
  readonly key: Buffer
  readonly kind: AnyKind
  /** The same key where it is written as a whole, or read from its rows. */
  readonly whole: EntryKind | Refusal
}

export interface KeyClaimsParts {
  readonly router: Router
  /** The records of a mapping, or why it has none that are one row each. */
  readonly kindOf: (mapping: CompiledMapping) => RecordKind | Refusal
  /** The entries that these mappings read, or why they cannot be written twice. */
  readonly entryKindOf: (mappings: readonly CompiledMapping[]) => EntryKind | Refusal
}

/** Says of the keys of one source which plan has them. */
export class KeyClaims {
  readonly #parts: KeyClaimsParts

  constructor(parts: KeyClaimsParts) {
    this.#parts = parts
  }

  /** May a plan have one of these keys? Cheap. */
  any(keys: readonly Buffer[]): boolean {
    return keys.some((key) => this.#parts.router.mayClaim(key) === 'entry')
  }

  /** The plans that may have a key, whatever its type. */
  plansOf(key: Buffer): readonly string[] {
    if (this.#parts.router.mayClaim(key) !== 'entry') return []
    const plans = ENTRY_TYPES.flatMap((type) =>
      this.#parts.router.route(key, type).flatMap((it) => (it.kind === 'mappings' ? it.plan : [])),
    )
    return [...new Set(plans)]
  }

  /** The same as `of`, and undefined also where that would refuse. */
  find(name: string, key: Buffer, type: EntryType | undefined): Claimed | undefined {
    try {
      return this.of(name, key, type)
    } catch (error) {
      if (error instanceof KvmigError) return undefined
      throw error
    }
  }

  /** Who has a key, whatever type it may have; undefined where no plan does. `name`: of the command that asks. */
  of(name: string, key: Buffer, type: EntryType | undefined): Claimed | undefined {
    const { router, kindOf, entryKindOf } = this.#parts
    const mappings = new Set<CompiledMapping>()
    let rules = 0
    let isTaken = type === undefined
    for (const it of ENTRY_TYPES) {
      const routes = router.route(key, it).filter((one) => one.kind === 'mappings')
      for (const { plan, mappings: some } of routes) {
        for (const mapping of some) mappings.add(mapping)
        if (type === undefined || type === it) isTaken = true
        if (plan !== routes[0]!.plan)
          throw refuse(name, 'a key of which the value decides whose it is', 'Use store(), which knows.')
      }
      rules = Math.max(rules, routes.length)
    }
    const [mapping, ...more] = mappings
    if (!mapping) return undefined
    if (!isTaken)
      throw refuse(
        name,
        `a key that the plan takes as another type than a ${type}`,
        'Such a value has no row.',
      )
    const whole = entryKindOf([...mappings])
    const single = more.length === 0 && rules === 1 ? kindOf(mapping) : undefined
    const kind = single && !('because' in single) ? single : whole
    if ('because' in kind) throw dualWrite(mapping.plan, kind)
    return { key, kind, whole }
  }
}
