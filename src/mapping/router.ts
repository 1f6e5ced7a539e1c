import type { Position } from '../diagnostic.ts'
import { counterKey } from '../plan/beside.ts'
import { type KeyPattern, literalPrefix, parseKeyPattern } from '../plan/key-pattern.ts'
import {
  asksBeforeClaiming,
  type Counter,
  type Mapping,
  type Project,
  type Rule,
  type Skip,
} from '../plan/plan.ts'
import type { Entry } from '../sources/source.ts'
import type { Reject } from '../value.ts'
import { NOT_WANTED } from './forward.ts'
import { compileKeyPattern, isMatch, type KeyMatcher } from './key-match.ts'
import { compileKeySpans, type KeySpans, MOST_CAPTURES } from './key-spans.ts'
import type { Claim, CompiledMapping, Router } from './mapping.ts'
import { compilePrefixes } from './prefixes.ts'

/**
 * The router of a source: the rules of its plans in their order, then what the project lets be. `compiled` gives the mapping of a plan by
 * its name.
 */
export function createRouter(
  source: string,
  project: Project,
  compiled: (plan: string, mapping: string) => CompiledMapping,
): Router {
  const routes = project.plans
    .filter((plan) => plan.source === source)
    .flatMap((plan) => routesOf(plan.name, plan.rules, (name) => compiled(plan.name, name)))
  // A counter is named by its whole key, which says more than any pattern that fits it too.
  const counters = project.plans
    .filter((plan) => plan.source === source)
    .flatMap(({ name, sequences = [] }) => sequences.flatMap((it) => counterRoute(name, it) ?? []))
  const lets = project.skips.map((skip) => skipRoute(skip, undefined))
  // Last of all: a rule says more about a key than that somebody looks at it.
  const asked = routes.flatMap((it) =>
    it.mappings.flatMap((mapping) => mapping.lookupKeys.map((key) => lookupRoute(mapping, key))),
  )
  const all = [
    skipRoute(OWN, undefined),
    ...counters,
    ...routes,
    ...lets,
    ...asked.filter((it) => it.prefix !== ''),
  ]
  const candidatesOf = compilePrefixes(all)
  const quick = quickly(all)

  return {
    lookups: routes.flatMap((it) => it.mappings.flatMap((mapping) => mapping.lookups)),
    route: (key, type) => {
      const only = quick(key)
      if (only) return only.alone(only.claimOf!(type))
      const text = key.toString('latin1')
      const claims: Claim[] = []
      // A key that does not fit its rule, or that no condition wants, and that nobody else has.
      let reject: Claim | undefined
      for (const route of candidatesOf(text)) {
        const claim = route.claim(text, type)
        if (claim === undefined) continue
        if (claim.kind === 'reject') {
          reject ??= claim
          continue
        }
        // Most keys have one rule, which answers with the same list every time.
        if (claims.length === 0 && isFinal(claim)) return route.alone(claim)
        claims.push(claim)
        if (isFinal(claim)) return claims
        reject ??= route.unwanted
      }
      if (reject) claims.push(reject)
      return claims
    },
    mayClaim: (key, wanted) => {
      const only = quick(key)
      if (only) return !wanted || only.mappings.some((it) => wanted.has(it)) ? 'entry' : 'key'
      const text = key.toString('latin1')
      let answer: 'key' | 'nothing' = 'nothing'
      let isRejected = false
      for (const { matcher, mappings, skip } of candidatesOf(text)) {
        const found = matcher.match(text)
        if (found === undefined) continue
        if (mappings.length === 0 && !skip) {
          if (isMatch(found)) answer = 'key'
          continue
        }
        if (skip) {
          if (!isMatch(found)) continue
          if (skip.type === undefined) return 'key'
        } else if (!wanted || mappings.some((it) => wanted.has(it))) {
          if (isMatch(found)) return 'entry'
          // It belongs to the mapping only if no rule further down has it.
          isRejected = true
        }
        answer = 'key'
      }
      return isRejected ? 'entry' : answer
    },
  }
}

/** Routes that are tried by the short way for every key. */
const MOST_QUICK = 8

/** Finds the mappings of a key that nothing else could have, by its bytes; undefined: the long way decides. */
function quickly(routes: readonly Route[]): (key: Buffer) => Route | undefined {
  const isAlone = ({ prefix }: Route) =>
    routes.filter((it) => it.prefix.startsWith(prefix) || prefix.startsWith(it.prefix)).length === 1
  const quick = routes
    .filter((it) => it.claimOf && it.spans && !it.unwanted && isAlone(it))
    .slice(0, MOST_QUICK)
  const spans = new Int32Array(2 * MOST_CAPTURES)
  return (key) => {
    for (let index = 0; index < quick.length; index++) {
      const route = quick[index]!
      if (route.spans!.find(key, spans)) return route
    }
    return undefined
  }
}

/** The keys that dual-write keeps beside the application's: versions and epochs. They are nobody's data. */
const OWN: Skip = {
  kind: 'skip',
  fate: 'ignored',
  match: parseKeyPattern('kvmig:{_:rest}', { file: '', line: 0, column: 0 }).pattern!,
  because: 'kvmig keeps versions and epochs there while both stores are written',
  at: { file: '', line: 0, column: 0 },
}

/** One rule, or the group of mappings that share a rule's place. */
interface Route {
  readonly prefix: string
  readonly matcher: KeyMatcher
  readonly mappings: readonly CompiledMapping[]
  readonly skip?: Skip
  claim(key: string, type: Entry['type']): Claim | undefined
  /** Where one of its mappings rejects what its `where` says no to. */
  readonly unwanted?: Claim
  /** Of mappings: the claim of a key that fits, and the short way to see that it does. */
  claimOf?(type: Entry['type']): Claim
  readonly spans?: KeySpans | undefined
  /** The list of this one claim. */
  alone(claim: Claim): readonly Claim[]
}

/** Nobody after it gets the key: a skip, or mappings of which one does not ask the entry first. */
function isFinal(claim: Claim): boolean {
  if (claim.kind !== 'mappings') return claim.kind === 'skip' || claim.kind === 'lookup'
  return claim.mappings.some(({ mapping }) => !asksBeforeClaiming(mapping))
}

function routesOf(
  plan: string,
  rules: readonly Rule[],
  compiled: (name: string) => CompiledMapping,
): readonly Route[] {
  const groups = new Map<string, Mapping[]>()
  const places: (Mapping[] | Skip)[] = []
  for (const rule of rules) {
    if (rule.kind === 'skip') {
      places.push(rule)
      continue
    }
    const id = JSON.stringify([rule.match.source, rule.type ?? null])
    const known = groups.get(id)
    if (known) {
      known.push(rule)
      continue
    }
    const group = [rule]
    groups.set(id, group)
    places.push(group)
  }
  return places.map((it) =>
    Array.isArray(it)
      ? groupRoute(
          plan,
          it.map((mapping) => compiled(mapping.name)),
        )
      : skipRoute(it, plan),
  )
}

function groupRoute(plan: string, mappings: readonly CompiledMapping[]): Route {
  const { match } = mappings[0]!.mapping
  const matcher = compileKeyPattern(match)
  const byType = new Map<string, Claim>()
  const claimOf = (type: Entry['type']): Claim => {
    const known = byType.get(type)
    if (known) return known
    const readers = mappings.filter((it) => (it.types as readonly string[]).includes(type))
    const claim: Claim =
      readers.length > 0
        ? { kind: 'mappings', plan, mappings: readers }
        : { kind: 'reject', plan, mapping: mappings[0]!, reject: typeMismatch(mappings, type) }
    byType.set(type, claim)
    return claim
  }
  const strict = mappings.find((it) => it.mapping.otherwise === 'reject')
  return {
    prefix: prefixOf(match),
    matcher,
    mappings,
    ...remembered(),
    ...(strict && { unwanted: { kind: 'reject', plan, mapping: strict, reject: NOT_WANTED } }),
    claimOf,
    spans: compileKeySpans(match),
    claim: (key, type) => {
      const found = matcher.match(key)
      if (found === undefined) return undefined
      if (!isMatch(found)) return { kind: 'reject', plan, mapping: mappings[0]!, reject: found }
      return claimOf(type)
    },
  }
}

function skipRoute(skip: Skip, plan: string | undefined): Route {
  const matcher = compileKeyPattern(skip.match)
  const claim: Claim = { kind: 'skip', ...(plan !== undefined && { plan }), skip }
  return {
    prefix: prefixOf(skip.match),
    matcher,
    mappings: [],
    skip,
    ...remembered(),
    claim: (key, type) =>
      (skip.type === undefined || skip.type === type) && isMatch(matcher.match(key)) ? claim : undefined,
  }
}

/** Keys that a lookup names belong to its plan where no rule has them. */
const lookupRoute = ({ plan, mapping: { at } }: CompiledMapping, key: KeyPattern): Route =>
  askedRoute(plan, key, at)

/** A key that sets a sequence. Of a hash only one field does: it belongs to whichever rule takes it. */
function counterRoute(plan: string, counter: Counter): Route | undefined {
  const match = counterKey(counter)
  return match && askedRoute(plan, match, counter.at)
}

function askedRoute(plan: string, key: KeyPattern, at: Position): Route {
  const matcher = compileKeyPattern(key)
  const claim: Claim = { kind: 'lookup', plan, match: key, at }
  return {
    prefix: prefixOf(key),
    matcher,
    mappings: [],
    ...remembered(),
    claim: (text) => (isMatch(matcher.match(text)) ? claim : undefined),
  }
}

function remembered(): Pick<Route, 'alone'> {
  const lists = new WeakMap<Claim, readonly Claim[]>()
  return {
    alone: (claim) => {
      let list = lists.get(claim)
      if (!list) {
        list = [claim]
        lists.set(claim, list)
      }
      return list
    },
  }
}

/** Bytes in latin1, as keys are. */
const prefixOf = (match: Mapping['match']): string => Buffer.from(literalPrefix(match)).toString('latin1')

function typeMismatch(mappings: readonly CompiledMapping[], type: Entry['type']): Reject {
  const expected = [...new Set(mappings.flatMap((it) => it.types))].join(' or ')
  return {
    code: 'KEY_TYPE_MISMATCH',
    message: `Expected a ${expected}, found a ${type.replace('unknown:', 'value of the type ')}.`,
  }
}
