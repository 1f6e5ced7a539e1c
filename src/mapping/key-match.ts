import { isUtf8 } from 'node:buffer'
import { RE2JS } from 're2js'
import { parseDate } from '../calendar.ts'
import type { KeyPart, KeyPattern } from '../plan/key-pattern.ts'
import { CalendarDate, Decimal, type Reject, type Value } from '../value.ts'

/** A key pattern, compiled. Keys are given as their bytes in latin1: one character a byte, so that nothing is lost or decoded in vain. */
export interface KeyMatcher {
  /** Names of the captures, in order; `_` is none. */
  readonly names: readonly string[]
  /**
   * The captured values in the order of `names`; a reject where the key fits but for a capture's type, an empty capture or bytes that are
   * not UTF-8; undefined where it does not fit.
   */
  match(key: string): readonly Value[] | Reject | undefined
}

/**
 * Literal text is compared byte by byte. A capture takes as little as it can: up to the next literal (the last literal stands at the end
 * of the key), never across `:` unless it is `rest` or a regular expression. Where taking little leads nowhere, more is tried.
 */
export function compileKeyPattern(pattern: KeyPattern): KeyMatcher {
  const parts = pattern.parts.map(compilePart)
  const names = pattern.parts.flatMap((it) => (it.kind === 'capture' && it.name !== '_' ? [it.name] : []))
  const longer = isAmbiguous(parts) ? searchLonger(parts) : undefined
  return {
    names,
    match: (key) => {
      const found = matchShortest(parts, key)
      if (!longer || Array.isArray(found)) return found
      return longer(key) ?? found
    },
  }
}

/** Did it match? (An array is told from a reject this way.) */
export const isMatch = (found: readonly Value[] | Reject | undefined): found is readonly Value[] =>
  Array.isArray(found)

type Part = Literal | Capture

interface Literal {
  readonly kind: 'literal'
  readonly text: string
}

interface Capture {
  readonly kind: 'capture'
  readonly named: boolean
  readonly crossesColons: boolean
  /** What the text has to look like, as part of an RE2 expression. */
  readonly regex: string
  /** The captured value; undefined where the text is of another type. */
  read(text: string): Value
  /** Has the text to look like something? */
  readonly isTyped: boolean
  /** Where the type is a free expression, text with a colon that does not fit was never meant. */
  readonly isRegex: boolean
}

function compilePart(part: KeyPart): Part {
  if (part.kind === 'literal') return { kind: 'literal', text: Buffer.from(part.text).toString('latin1') }
  const common = {
    kind: 'capture',
    named: part.name !== '_',
    isTyped: part.type !== 'text' && part.type !== 'rest',
    isRegex: part.type === 'regex',
  } as const
  switch (part.type) {
    case 'text':
      return { ...common, crossesColons: false, regex: '[^:]+?', read: (text) => text }
    case 'rest':
      return { ...common, crossesColons: true, regex: '(?s:.+?)', read: (text) => text }
    case 'int':
      return {
        ...common,
        crossesColons: false,
        regex: '-?[0-9]+',
        read: (text) => (INTEGER.test(text) ? new Decimal(text) : undefined),
      }
    case 'uuid':
      return {
        ...common,
        crossesColons: false,
        regex: UUID_SOURCE,
        read: (text) => (UUID.test(text) ? text : undefined),
      }
    case 'date':
      return { ...common, crossesColons: false, regex: '[0-9]{4}-[0-9]{2}-[0-9]{2}', read: readDate }
    case 'regex': {
      const source = part.regex ?? ''
      const regex = RE2JS.compile(source)
      return {
        ...common,
        crossesColons: true,
        regex: `(?:${source})`,
        read: (text) => (regex.matches(text) ? text : undefined),
      }
    }
  }
}

const INTEGER = /^(?:0|-?[1-9]\d*)$/
const UUID_SOURCE = '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'
const UUID = new RegExp(`^${UUID_SOURCE}$`)

function readDate(text: string): Value {
  const days = text.length === 10 ? parseDate(text) : undefined
  return days === undefined ? undefined : new CalendarDate(days)
}

function matchShortest(parts: readonly Part[], key: string): Value[] | Reject | undefined {
  const values: Value[] = []
  let reject: Reject | undefined
  let at = 0
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!
    if (part.kind === 'literal') {
      if (!key.startsWith(part.text, at)) return undefined
      at += part.text.length
      continue
    }
    const end = endOf(part, parts, index, key, at)
    if (end < 0) return undefined
    const read = end === at ? EMPTY : readCapture(part, key.slice(at, end))
    if (read === undefined) return undefined
    if (isReject(read)) reject ??= read
    else if (part.named) values.push(read.value)
    at = end
  }
  if (at !== key.length) return undefined
  return reject ?? values
}

/** Where the capture ends; -1 where what comes after it does not come. */
function endOf(part: Capture, parts: readonly Part[], index: number, key: string, from: number): number {
  const next = parts[index + 1]
  let end = key.length
  if (next?.kind === 'literal') {
    end = index + 2 === parts.length ? lastEnd(key, next.text, from) : key.indexOf(next.text, from)
    if (end < 0) return -1
  }
  if (part.crossesColons) return end
  const colon = key.indexOf(':', from)
  return colon >= 0 && colon < end ? -1 : end
}

const lastEnd = (key: string, literal: string, from: number): number => {
  const end = key.length - literal.length
  return end >= from && key.endsWith(literal) ? end : -1
}

type Read = { readonly value: Value } | Reject

const isReject = (read: Read): read is Reject => 'code' in read

const EMPTY: Reject = { code: 'CAPTURE_TYPE', message: 'A captured part of the key is empty.' }
const NOT_UTF8: Reject = {
  code: 'INVALID_UTF8_KEY',
  message: 'A captured part of the key is not valid UTF-8.',
}
const WRONG_TYPE: Reject = {
  code: 'CAPTURE_TYPE',
  message: 'A captured part of the key is not of the type the pattern asks for.',
}

function readCapture(part: Capture, bytes: string): Read | undefined {
  const text = utf8Of(bytes)
  if (text === undefined) return part.named || part.isTyped ? NOT_UTF8 : { value: undefined }
  const value = part.read(text)
  if (value !== undefined) return { value }
  return part.isRegex && text.includes(':') ? undefined : WRONG_TYPE
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is meant
const ASCII = /^[\x00-\x7f]*$/

function utf8Of(latin1: string): string | undefined {
  if (ASCII.test(latin1)) return latin1
  const bytes = Buffer.from(latin1, 'latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

/** Could a capture end later than at the first place where what follows it stands? */
function isAmbiguous(parts: readonly Part[]): boolean {
  return parts.some((part, index) => {
    const next = parts[index + 1]
    if (part.kind === 'literal' || next?.kind !== 'literal' || index + 2 === parts.length) return false
    return part.crossesColons || !next.text.startsWith(':')
  })
}

/** The same match by RE2, in linear time: tries longer captures too. Only for keys that are UTF-8. */
function searchLonger(parts: readonly Part[]): (key: string) => readonly Value[] | undefined {
  const captures = parts.filter((it) => it.kind === 'capture')
  let place = 0
  const source = parts.map((it) =>
    it.kind === 'literal'
      ? RE2JS.quote(Buffer.from(it.text, 'latin1').toString('utf8'))
      : `(?P<kvmig${place++}>${it.regex})`,
  )
  const regex = RE2JS.compile(source.join(''))
  return (key) => {
    const text = utf8Of(key)
    const matcher = text === undefined ? undefined : regex.matcher(text)
    if (!matcher?.matches()) return undefined
    const values: Value[] = []
    for (const [index, capture] of captures.entries()) {
      const value = capture.read(matcher.group(`kvmig${index}`) ?? '')
      if (value === undefined) return undefined
      if (capture.named) values.push(value)
    }
    return values
  }
}
