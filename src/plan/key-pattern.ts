import { RE2JS } from 're2js'
import { didYouMean, type Position } from '../diagnostic.ts'
import { ROOTS } from './expression.ts'
import { listOf, ParseProblem, type Problem, parsing, quote } from './problem.ts'

/**
 * A key template, parsed: `user:account:{provider}:{id}`. Literal text is literal everywhere. A capture stops at `:` or at the next
 * literal, if that comes first; `{id:rest}` runs to the end or to the next literal; `{_}` captures without a name. A capture holds at
 * least one character. `{{` and `}}` are literal braces.
 */
export interface KeyPattern {
  /** As written. */
  readonly source: string
  readonly parts: readonly KeyPart[]
  readonly at: Position
}

export type KeyPart =
  | { readonly kind: 'literal'; readonly text: string }
  | {
      readonly kind: 'capture'
      /** `_` is not bound. */
      readonly name: string
      readonly type: CaptureType
      /** RE2 source that the whole captured text must match, without anchors, where `type` is `regex`. */
      readonly regex?: string
    }

const CAPTURE_TYPES = ['text', 'rest', 'int', 'uuid', 'date', 'regex'] as const
export type CaptureType = (typeof CAPTURE_TYPES)[number]

/** The literal text every matching key begins with; may be empty. */
export function literalPrefix(pattern: KeyPattern): string {
  const first = pattern.parts[0]
  return first?.kind === 'literal' ? first.text : ''
}

/** The one key a pattern without captures stands for. */
export function exactKey(pattern: KeyPattern): string | undefined {
  if (pattern.parts.some((part) => part.kind === 'capture')) return undefined
  return pattern.parts.map((it) => (it.kind === 'literal' ? it.text : '')).join('')
}

export const captureNames = (pattern: KeyPattern): readonly string[] =>
  pattern.parts.flatMap((part) => (part.kind === 'capture' && part.name !== '_' ? [part.name] : []))

/** Reads a key template. `at` is where its text begins; a problem's offset counts from there. */
export function parseKeyPattern(
  source: string,
  at: Position,
): { readonly pattern?: KeyPattern; readonly problems: readonly Problem[] } {
  const { value, problems } = parsing(() => readParts(source))
  if (!value) return { problems }
  return { pattern: { source, parts: value, at }, problems: globs(source, value) }
}

function readParts(source: string): readonly KeyPart[] {
  if (source === '') throw new ParseProblem('KV020', 0, 'A key pattern may not be empty.')
  const parts: KeyPart[] = []
  const names = new Set<string>()
  let literal = ''
  let offset = 0
  while (offset < source.length) {
    const character = source[offset]!
    if (character !== '{' && character !== '}') {
      literal += character
      offset += 1
    } else if (source[offset + 1] === character) {
      literal += character
      offset += 2
    } else if (character === '}') {
      throw new ParseProblem('KV020', offset, 'This "}" closes nothing.', 'Write "}}" for a literal brace.')
    } else {
      const { part, end } = readCapture(source, offset)
      if (literal !== '') parts.push({ kind: 'literal', text: literal })
      else if (parts.length > 0)
        throw new ParseProblem(
          'KV022',
          offset,
          `There is nothing between the capture before and {${part.name}}, so nobody can tell where one ends.`,
          'Put literal text between them, or make them one capture.',
        )
      literal = ''
      if (part.name !== '_' && names.has(part.name))
        throw new ParseProblem('KV025', offset, `The capture {${part.name}} stands twice in this pattern.`)
      names.add(part.name)
      parts.push(part)
      offset = end
    }
  }
  if (literal !== '') parts.push({ kind: 'literal', text: literal })
  return parts
}

type Capture = Extract<KeyPart, { kind: 'capture' }>

const CAPTURE = /\{([A-Za-z_][A-Za-z0-9_]*)(?::([^/{}][^{}]*))?\}/y
const REGEX_CAPTURE = /\{([A-Za-z_][A-Za-z0-9_]*):\/((?:[^\\/]|\\[\s\S]|\/(?!\}))*)\/\}/y
const WRITTEN_TYPES = CAPTURE_TYPES.filter((it) => it !== 'regex')

function readCapture(source: string, start: number): { readonly part: Capture; readonly end: number } {
  REGEX_CAPTURE.lastIndex = start
  const withRegex = REGEX_CAPTURE.exec(source)
  if (withRegex) {
    const name = checkName(withRegex[1]!, start)
    const regex = checkRegex(withRegex[2]!, start + name.length + 3)
    return { part: { kind: 'capture', name, type: 'regex', regex }, end: REGEX_CAPTURE.lastIndex }
  }
  CAPTURE.lastIndex = start
  const plain = CAPTURE.exec(source)
  if (!plain) throw unreadableCapture(source, start)
  const name = checkName(plain[1]!, start)
  const type = WRITTEN_TYPES.find((it) => it === (plain[2] ?? 'text'))
  if (!type) throw unknownType(plain[2]!, start + name.length + 2)
  return { part: { kind: 'capture', name, type }, end: CAPTURE.lastIndex }
}

function unreadableCapture(source: string, start: number): ParseProblem {
  const close = source.indexOf('}', start)
  const hint =
    'Captures look like {id}, {id:int}, {id:rest} or {id:/[a-z]+/}; write "{{" for a literal brace.'
  if (close === -1)
    return new ParseProblem('KV020', start, 'The capture that begins here is not closed.', hint)
  const found = source.slice(start, close + 1)
  return new ParseProblem('KV020', start, `${quote(found)} is no capture.`, hint)
}

function unknownType(found: string, offset: number): ParseProblem {
  const meant = didYouMean(found.trim(), WRITTEN_TYPES)
  const known = `Known are ${listOf(WRITTEN_TYPES)}, and a regular expression between slashes.`
  const hint = meant ? `Did you mean "${meant}"?` : known
  return new ParseProblem('KV020', offset, `There is no capture type ${quote(found)}.`, hint)
}

function checkName(name: string, start: number): string {
  if (!(ROOTS as readonly string[]).includes(name)) return name
  const message = `A capture cannot be called "${name}", because $${name} already means something else in expressions.`
  throw new ParseProblem('KV025', start + 1, message, `Choose another name, such as {${name}_}.`)
}

// Anchors at the ends are what a capture means anyway; they are taken off so that the rest can be part of a larger expression.
function checkRegex(written: string, offset: number): string {
  const regex = written.replace(/^(?:\^|\\A)/, '').replace(/(?<!\\)((?:\\\\)*)(?:\$|\\z)$/, '$1')
  if (regex === '') throw new ParseProblem('KV021', offset, 'The regular expression is empty.')
  const wrong = regexProblem(regex)
  if (wrong) throw new ParseProblem('KV021', offset, wrong.message, wrong.hint)
  return regex
}

/** Why RE2 refuses a regular expression; undefined for a good one. */
function regexProblem(regex: string): { readonly message: string; readonly hint?: string } | undefined {
  try {
    RE2JS.compile(regex)
    return undefined
  } catch (error) {
    const reason = (error as Error).message.replace(/^error parsing regexp: /, '').replaceAll('`', '"')
    const backwards = /\\[1-9]|\(\?<?[=!]/.test(regex)
    const hint = 'RE2 syntax, which has no back-references and no look-around.'
    return { message: `The regular expression cannot be used: ${reason}.`, ...(backwards && { hint }) }
  }
}

// A star is literal text here, but people come from SCAN MATCH, where it is not.
function globs(source: string, parts: readonly KeyPart[]): readonly Problem[] {
  if (!parts.some((part) => part.kind === 'literal' && part.text.includes('*'))) return []
  return [
    {
      code: 'KV020',
      severity: 'warning',
      offset: Math.max(0, source.indexOf('*')),
      message: 'The "*" in this pattern stands for itself; key patterns are not globs.',
      hint: 'Write {_} for one part of a key and {_:rest} for everything that follows.',
    },
  ]
}
