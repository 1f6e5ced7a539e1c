import type { KeyPart, KeyPattern } from '../plan/key-pattern.ts'

/**
 * The short way to match a key: says where its captures lie in its bytes, and makes no text of them. It knows usual keys only: captures
 * of ASCII without NUL, integers that a double holds. Where it says yes, `KeyMatcher` would take the key with the same captures; where it
 * says no, `KeyMatcher` decides.
 */
export interface KeySpans {
  /** Start and end of each named capture, in order, are written to `spans`. */
  find(key: Buffer, spans: Int32Array): boolean
}

/** Undefined for patterns with captures of other types, or of which more than the first colon tells where a capture ends. */
export function compileKeySpans({ parts }: KeyPattern): KeySpans | undefined {
  if (parts.filter((it) => it.kind === 'capture').length > MOST_CAPTURES) return undefined
  const steps: Step[] = []
  for (const [index, part] of parts.entries()) {
    const step = stepOf(part, parts[index + 1], index + 2 >= parts.length)
    if (!step) return undefined
    steps.push(step)
  }
  return { find: (key, spans) => find(steps, key, spans) }
}

/** That the short way knows: room for their places is made once. */
export const MOST_CAPTURES = 16

interface Step {
  /** The bytes of a literal; none for a capture. */
  readonly literal: Buffer | undefined
  readonly isNamed: boolean
  readonly isInteger: boolean
  readonly crossesColons: boolean
  /** Bytes of the last literal behind a capture; -1: it ends at the first colon. */
  readonly behind: number
}

function stepOf(part: KeyPart, next: KeyPart | undefined, isLast: boolean): Step | undefined {
  if (part.kind === 'literal')
    return {
      literal: Buffer.from(part.text),
      isNamed: false,
      isInteger: false,
      crossesColons: false,
      behind: 0,
    }
  if (part.type !== 'text' && part.type !== 'rest' && part.type !== 'int') return undefined
  const crossesColons = part.type === 'rest'
  let behind = 0
  if (next) {
    if (next.kind !== 'literal') return undefined
    if (isLast) behind = Buffer.byteLength(next.text)
    else if (next.text.startsWith(':') && !crossesColons) behind = -1
    else return undefined
  }
  const common = { literal: undefined, isNamed: part.name !== '_', isInteger: part.type === 'int' }
  return { ...common, crossesColons, behind }
}

function find(steps: readonly Step[], key: Buffer, spans: Int32Array): boolean {
  let at = 0
  let named = 0
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index]!
    const { literal } = step
    if (literal !== undefined) {
      if (at + literal.length > key.length) return false
      for (let place = 0; place < literal.length; place++)
        if (key[at + place] !== literal[place]) return false
      at += literal.length
      continue
    }
    const start = at
    const end = step.behind < 0 ? key.length : key.length - step.behind
    for (; at < end; at++) {
      const byte = key[at]!
      if (byte === COLON && !step.crossesColons) break
      if (byte === 0 || byte >= 0x80) return false
    }
    if (at === start || (step.behind >= 0 && at !== end)) return false
    if (step.isInteger && !isInteger(key, start, at)) return false
    if (!step.isNamed) continue
    spans[2 * named] = start
    spans[2 * named + 1] = at
    named += 1
  }
  return at === key.length
}

const COLON = 0x3a
const MOST_DIGITS = 15

/** `0`, or digits without leading zeros, perhaps behind a minus sign. */
function isInteger(key: Buffer, start: number, end: number): boolean {
  const isNegative = key[start] === 0x2d
  const first = isNegative ? start + 1 : start
  if (end === first || end - first > MOST_DIGITS) return false
  if (key[first] === 0x30 && (isNegative || end > first + 1)) return false
  for (let at = first; at < end; at++) if (key[at]! < 0x30 || key[at]! > 0x39) return false
  return true
}
