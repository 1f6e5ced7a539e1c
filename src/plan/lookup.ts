import {
  type Argument,
  type Expression,
  isLiteralList,
  isLiteralMap,
  type Literal,
  parseExpression,
} from './expression.ts'
import { captureNames, type KeyPart, type KeyPattern, parseKeyPattern } from './key-pattern.ts'
import type { Mapping } from './plan.ts'

/** A question to another key, as an expression asks it. */
export type Lookup =
  | { readonly kind: 'get'; readonly key: Template }
  | { readonly kind: 'hget' | 'score' | 'member'; readonly key: Template; readonly item: Expression }
  /** The word of the first of these keys that has the item. */
  | {
      readonly kind: 'first_of'
      readonly places: readonly { readonly word: string; readonly key: Template }[]
      readonly item: Expression
    }
  /** What the capture stands for in the name of the key that has the item. */
  | { readonly kind: 'owner'; readonly pattern: KeyPattern; readonly item: Expression }

/** A key with holes: `user:chat:{userId}`, `bull:{$queue}:wait`. What stands in a hole is an expression. */
export type Template = readonly (string | Expression)[]

export const LOOKUPS = ['get', 'hget', 'score', 'member', 'first_of', 'owner'] as const
type LookupName = (typeof LOOKUPS)[number]

export const isLookup = (name: string): name is LookupName => (LOOKUPS as readonly string[]).includes(name)

/** Functions that take values of the record as they are. */
export const isChoice = (name: string): name is 'least' | 'greatest' =>
  name === 'least' || name === 'greatest'

/** What says the same in several places, such as the id that stands in the key and in the record: `same($id, id)`. */
export const isSame = (name: string): name is 'same' => name === 'same'

/** Of what says the same in several places: the one that is told without a look at the record. */
export function besideRecord(expression: Expression): Expression {
  if (expression.kind === 'pipe') return { ...expression, input: besideRecord(expression.input) }
  if (expression.kind !== 'call' || !isSame(expression.name)) return expression
  return argumentsOf(expression).find(isBesideRecord) ?? expression
}

const isBesideRecord = (expression: Expression): boolean =>
  expression.kind === 'pipe'
    ? isBesideRecord(expression.input)
    : expression.kind === 'root' && !OF_RECORD.has(expression.root)

const OF_RECORD: ReadonlySet<string> = new Set(['value', 'item', 'parent', 'root'])

/** Why a call is no lookup that can be asked; offsets are those of the call's arguments. */
export class LookupMistake extends Error {
  readonly offset: number
  readonly hint: string
  constructor(message: string, offset: number, hint: string) {
    super(message)
    this.offset = offset
    this.hint = hint
  }
}

const USAGE: Readonly<Record<LookupName, string>> = {
  get: "get('user:email:{email}')",
  hget: "hget('user:{id}', name)",
  score: "score('user:chat:{userId}', $key)",
  member: "member('users:banned', $id)",
  first_of: "first_of({ waiting: 'queue:wait', done: ['queue:done', 'queue:failed'] }, $id)",
  owner: "owner('team:{t}:members', $id)",
}

type Call = Extract<Expression, { kind: 'call' }>

/** Reads a call as a lookup. Throws LookupMistake. */
export function readLookup({ name, arguments: args, span }: Call): Lookup {
  const kind = name as LookupName
  const usage = `It is written ${USAGE[kind]}.`
  const [first, second, ...more] = args
  const wanted = kind === 'get' ? 1 : 2
  if (!first || args.length !== wanted || more.length > 0)
    throw new LookupMistake(
      `${name}() takes ${wanted === 1 ? 'a key' : 'a key and an item'}.`,
      span.start,
      usage,
    )
  const text = (literal: Literal): string => {
    if (typeof literal === 'string' && literal !== '') return literal
    throw new LookupMistake(`${name}() is asked with a key as text in quotes.`, first.span.start, usage)
  }
  const template = (literal: Literal): Template => readTemplate(text(literal), first.span.start)
  if (first.kind !== 'data')
    throw new LookupMistake(`${name}() is asked with a key as text in quotes.`, first.span.start, usage)
  if (kind === 'get') return { kind, key: template(first.value) }
  const item = expressionOf(second!)
  if (kind === 'owner') return { kind, pattern: readOwner(text(first.value), first.span.start), item }
  if (kind !== 'first_of') return { kind, key: template(first.value), item }
  if (!isLiteralMap(first.value) || first.value.size === 0)
    throw new LookupMistake('first_of() is asked with a map from words to keys.', first.span.start, usage)
  const places = [...first.value].flatMap(([word, keys]) =>
    (isLiteralList(keys) ? keys : [keys]).map((key) => ({ word, key: template(key) })),
  )
  return { kind, places, item }
}

const expressionOf = (argument: Argument): Expression =>
  argument.kind === 'expression'
    ? argument.expression
    : { kind: 'literal', value: argument.value, span: argument.span }

/** Every expression that a call computes with: its arguments, and what stands in the holes of a lookup's keys. */
export function argumentsOf(call: Call): readonly Expression[] {
  if (!isLookup(call.name))
    return call.arguments.flatMap((it) => (it.kind === 'expression' ? [it.expression] : []))
  try {
    return lookedAt(readLookup(call))
  } catch (error) {
    if (error instanceof LookupMistake) return []
    throw error
  }
}

/** The expressions that a lookup looks at: in the holes of its keys, and its item. */
export function lookedAt(lookup: Lookup): readonly Expression[] {
  const holes = (key: Template) => key.filter((it) => typeof it !== 'string')
  switch (lookup.kind) {
    case 'get':
      return holes(lookup.key)
    case 'first_of':
      return [...lookup.places.flatMap((it) => holes(it.key)), lookup.item]
    case 'owner':
      return [lookup.item]
    default:
      return [...holes(lookup.key), lookup.item]
  }
}

/** `{{` and `}}` are braces; a hole reaches to its `}`, texts in it apart. */
function readTemplate(text: string, offset: number): Template {
  const parts: (string | Expression)[] = []
  let literal = ''
  for (let at = 0; at < text.length; ) {
    const character = text[at]!
    if ((character === '{' || character === '}') && text[at + 1] === character) {
      literal += character
      at += 2
      continue
    }
    if (character === '}') throw new LookupMistake('This "}" closes nothing.', offset, BRACES)
    if (character !== '{') {
      literal += character
      at += 1
      continue
    }
    HOLE.lastIndex = at
    const hole = HOLE.exec(text)
    if (!hole) throw new LookupMistake('A "{" of the key is not closed.', offset, BRACES)
    const { expression, problems } = parseExpression(hole[1]!)
    if (!expression)
      throw new LookupMistake(
        `What stands in { } of the key is no expression: ${problems[0]?.message ?? ''}`,
        offset,
        'Such as {email}, {$id} or {email | lower}.',
      )
    if (literal !== '') parts.push(literal)
    literal = ''
    parts.push(expression)
    at = HOLE.lastIndex
  }
  if (literal !== '') parts.push(literal)
  return parts
}

const BRACES = 'Write "{{" or "}}" for a brace of the key itself.'
const HOLE = /\{((?:[^{}'"]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")*)\}/y

function readOwner(text: string, offset: number): KeyPattern {
  const { pattern, problems } = parseKeyPattern(text, NOWHERE)
  if (!pattern) throw new LookupMistake(problems[0]?.message ?? '', offset, '')
  if (captureNames(pattern).length !== 1)
    throw new LookupMistake(
      'The key of owner() has one capture with a name, which is the answer.',
      offset,
      `It is written ${USAGE.owner}. Other parts that differ are {_}.`,
    )
  return pattern
}

const NOWHERE = { file: '', line: 1, column: 1 }

/** Lookups of a mapping's columns, wherever they stand in them. What cannot be read is left out: a check speaks of it. */
export const lookupsOf = ({ fields }: Pick<Mapping, 'fields'>): readonly Lookup[] =>
  fields.flatMap((it) => lookupsIn(it.expression))

export function lookupsIn(expression: Expression): readonly Lookup[] {
  switch (expression.kind) {
    case 'pipe':
      return lookupsIn(expression.input)
    case 'coalesce':
      return expression.options.flatMap(lookupsIn)
    case 'call': {
      const inner = argumentsOf(expression).flatMap(lookupsIn)
      if (!isLookup(expression.name)) return inner
      try {
        return [readLookup(expression), ...inner]
      } catch (error) {
        if (error instanceof LookupMistake) return inner
        throw error
      }
    }
    default:
      return []
  }
}

/**
 * The keys that lookups of a mapping name. `wide`: whatever a hole may hold; otherwise a hole is a capture of the mapping's own key with its
 * type, or holds no `:`, so that no more keys are spoken for than the author had in mind.
 */
export function keysOf(
  lookups: readonly Lookup[],
  { match }: Pick<Mapping, 'match'>,
  { wide }: { readonly wide: boolean },
): readonly KeyPattern[] {
  const ofTemplate = (key: Template): KeyPattern => {
    const parts: KeyPart[] = []
    for (const part of key) {
      const last = parts.at(-1)
      if (typeof part === 'string') parts.push({ kind: 'literal', text: part })
      else if (last?.kind === 'capture') parts[parts.length - 1] = ANY
      else parts.push(wide ? ANY : holeOf(part, match))
    }
    return patternOf(parts)
  }
  return lookups.flatMap((it) => {
    if (it.kind === 'owner') return [it.pattern]
    return it.kind === 'first_of' ? it.places.map((place) => ofTemplate(place.key)) : [ofTemplate(it.key)]
  })
}

const ANY: KeyPart = { kind: 'capture', name: '_', type: 'rest' }

function holeOf(hole: Expression, match: KeyPattern): KeyPart {
  const own =
    hole.kind === 'root' && hole.path.length === 0
      ? match.parts.find((it) => it.kind === 'capture' && it.name === hole.root)
      : undefined
  return own?.kind === 'capture' ? { ...own, name: '_' } : { kind: 'capture', name: '_', type: 'text' }
}

/** A pattern of parts; `source` is what it would be written as. */
export function patternOf(parts: readonly KeyPart[]): KeyPattern {
  const source = parts
    .map((it) =>
      it.kind === 'literal'
        ? it.text.replaceAll('{', '{{').replaceAll('}', '}}')
        : it.type === 'text'
          ? `{${it.name}}`
          : `{${it.name}:${it.type === 'regex' ? `/${it.regex}/` : it.type}}`,
    )
    .join('')
  return { source, parts, at: NOWHERE }
}
