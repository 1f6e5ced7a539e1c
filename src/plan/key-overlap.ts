import { RE2JS } from 're2js'
import { type KeyPart, type KeyPattern, literalPrefix } from './key-pattern.ts'

/** Can one key fit both patterns? `maybe` where a regular expression is too large or uses assertions inside. */
export function overlaps(a: KeyPattern, b: KeyPattern): 'no' | 'yes' | 'maybe' {
  return sharedKey(a, b).answer
}

/** Like `overlaps`, with the shortest key that fits both. */
export function sharedKey(a: KeyPattern, b: KeyPattern): Overlap {
  const [before, behind] = [literalPrefix(a), literalPrefix(b)]
  // Most pairs of a project are told apart by how they begin.
  if (!before.startsWith(behind) && !behind.startsWith(before)) return { answer: 'no' }
  const [left, right] = [automaton(a), automaton(b)]
  const exact = left.exact && right.exact
  const seen = new Set<string>()
  let frontier = startPairs(left, right)
  while (frontier.length > 0) {
    const next: Pair[] = []
    for (const { states, key } of frontier) {
      const [s, t] = states
      if (left.accepts(s) && right.accepts(t)) return exact ? { answer: 'yes', key } : { answer: 'maybe' }
      for (const x of left.moves(s))
        for (const y of right.moves(t)) {
          const common = intersect(x.ranges, y.ranges)
          if (common.length === 0) continue
          const written = key + pick(common)
          for (const u of left.closure(x.to))
            for (const v of right.closure(y.to)) {
              const id = `${u},${v}`
              if (seen.has(id)) continue
              if (seen.size >= LIMIT) return { answer: 'maybe' }
              seen.add(id)
              next.push({ states: [u, v], key: written })
            }
        }
    }
    frontier = next
  }
  return { answer: 'no' }
}

export interface Overlap {
  readonly answer: 'no' | 'yes' | 'maybe'
  /** A key that fits both, where the answer is yes. */
  readonly key?: string
}

/** Does every key that fits `inner` fit `outer` too? False where it cannot be told. */
export function covers(outer: KeyPattern, inner: KeyPattern): boolean {
  const [big, small] = [automaton(outer), automaton(inner)]
  if (!big.exact || !small.exact) return false
  const seen = new Set<string>()
  const todo = small.closure(small.start).map((state) => ({ state, among: big.closure(big.start) }))
  for (const { state, among } of todo) {
    if (small.accepts(state) && !among.some(big.accepts)) return false
    const moves = among.flatMap(big.moves)
    for (const { ranges, to } of small.moves(state))
      for (const point of representatives(ranges, moves)) {
        const reached = new Set(
          moves.filter((it) => holds(it.ranges, point)).flatMap((it) => big.closure(it.to)),
        )
        const after = [...reached].sort((x, y) => x - y)
        for (const next of small.closure(to)) {
          const id = `${next}:${after.join()}`
          if (seen.has(id)) continue
          if (seen.size >= LIMIT) return false
          seen.add(id)
          todo.push({ state: next, among: after })
        }
      }
  }
  return true
}

/** Every key a pattern fits, as one RE2 expression for the whole key. */
export function keyRegex(pattern: KeyPattern): string {
  return pattern.parts.map(partRegex).join('')
}

function partRegex(part: KeyPart): string {
  if (part.kind === 'literal') return RE2JS.quote(part.text)
  if (part.type === 'regex') return `(?:${part.regex})`
  return CAPTURES[part.type]
}

const CAPTURES = {
  text: '[^:]+',
  rest: '(?s:.+)',
  int: '(?:0|-?[1-9][0-9]*)',
  uuid: '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}',
  date: '[0-9]{4}-[0-9]{2}-[0-9]{2}',
} as const

const LIMIT = 50_000

interface Pair {
  readonly states: readonly [number, number]
  readonly key: string
}

const startPairs = (a: Automaton, b: Automaton): Pair[] =>
  a.closure(a.start).flatMap((s) => b.closure(b.start).map((t) => ({ states: [s, t] as const, key: '' })))

/** A nondeterministic automaton over code points. */
interface Automaton {
  readonly start: number
  /** False where an assertion inside an expression was passed over. */
  readonly exact: boolean
  accepts(state: number): boolean
  moves(state: number): readonly Move[]
  /** The states that are reached without a character and that accept or move. */
  closure(state: number): readonly number[]
}

interface Move {
  readonly ranges: Ranges
  readonly to: number
}

/** Pairs of first and last code point. */
type Ranges = readonly (readonly [number, number])[]

/** RE2's program, of which re2js publishes the fields but not the types. */
interface Program {
  readonly start: number
  readonly inst: readonly {
    readonly op: number
    readonly out: number
    readonly arg: number
    readonly runes: ArrayLike<number>
  }[]
}

// Numbers of re2js's instructions.
const OP = {
  alt: 1,
  altMatch: 2,
  capture: 3,
  assertion: 4,
  fail: 5,
  match: 6,
  nop: 7,
  any: 10,
  anyButNewline: 11,
}
const FOLD_CASE = 1
const LAST = 0x10ffff

const automata = new WeakMap<KeyPattern, Automaton>()

function automaton(pattern: KeyPattern): Automaton {
  const known = automata.get(pattern)
  if (known) return known
  const made = makeAutomaton(pattern)
  automata.set(pattern, made)
  return made
}

function makeAutomaton(pattern: KeyPattern): Automaton {
  const program = (RE2JS.compile(keyRegex(pattern)).re2() as unknown as { prog: Program }).prog
  const at = (state: number) => program.inst[state]!
  const folds = (it: Program['inst'][number]) =>
    it.op > OP.nop && it.runes.length === 1 && (it.arg & FOLD_CASE) !== 0
  const moves = program.inst.map((it): readonly Move[] => {
    if (it.op === OP.any) return [{ ranges: [[0, LAST]], to: it.out }]
    if (it.op === OP.anyButNewline)
      return [
        {
          ranges: [
            [0, 9],
            [11, LAST],
          ],
          to: it.out,
        },
      ]
    return it.op > OP.nop ? [{ ranges: rangesOf(Array.from(it.runes), folds(it)), to: it.out }] : []
  })
  const closures = new Map<number, readonly number[]>()
  return {
    start: program.start,
    exact: !program.inst.some((it) => it.op === OP.assertion || folds(it)),
    accepts: (state) => at(state).op === OP.match,
    moves: (state) => moves[state]!,
    closure(state) {
      const known = closures.get(state)
      if (known) return known
      const found = closureOf(program, state)
      closures.set(state, found)
      return found
    },
  }
}

function closureOf(program: Program, start: number): readonly number[] {
  const reached = new Set([start])
  for (const state of reached) {
    const { op, out, arg } = program.inst[state]!
    if (op === OP.alt || op === OP.altMatch) reached.add(out).add(arg)
    else if (op === OP.capture || op === OP.nop || op === OP.assertion) reached.add(out)
  }
  return [...reached].filter(
    (state) => program.inst[state]!.op >= OP.match && program.inst[state]!.op !== OP.nop,
  )
}

function rangesOf(runes: readonly number[], folded: boolean): Ranges {
  if (runes.length !== 1) return runes.flatMap((it, i) => (i % 2 === 0 ? [[it, runes[i + 1]!] as const] : []))
  const text = String.fromCodePoint(runes[0]!)
  const forms = folded ? [text, text.toLowerCase(), text.toUpperCase()] : [text]
  return forms.map((it) => [it.codePointAt(0)!, it.codePointAt(0)!] as const)
}

function intersect(a: Ranges, b: Ranges): Ranges {
  return a.flatMap(([from, to]) =>
    b.flatMap(([low, high]) => {
      const [first, last] = [Math.max(from, low), Math.min(to, high)]
      return first <= last ? [[first, last] as const] : []
    }),
  )
}

const holds = (ranges: Ranges, point: number): boolean =>
  ranges.some(([from, to]) => from <= point && point <= to)

// Letters and digits make an example that people can read.
function pick(ranges: Ranges): string {
  const readable = ['a', '0', 'x'].find((it) => holds(ranges, it.codePointAt(0)!))
  if (readable) return readable
  const printable = intersect(ranges, [[0x21, 0x7e]])[0] ?? ranges[0]!
  return String.fromCodePoint(printable[0])
}

// One point of every piece into which the moves cut the ranges: within a piece all points behave alike.
function representatives(ranges: Ranges, moves: readonly Move[]): readonly number[] {
  const cuts = moves.flatMap((move) => move.ranges.flatMap(([from, to]) => [from, to + 1]))
  return ranges.flatMap(([from, to]) => [from, ...new Set(cuts.filter((cut) => from < cut && cut <= to))])
}
