import { readJson } from '../../src/json/read-json.ts'
import type { CompiledMapping } from '../../src/mapping/mapping.ts'
import type { Expression, Literal } from '../../src/plan/expression.ts'
import type { Entry } from '../../src/sources/source.ts'
import { Decimal, type Value } from '../../src/value.ts'
import { byKey } from '../sources/entries.ts'

/**
 * What an entry says, in the form in which the way back writes it (docs/language.md, *There and back*): null is left out, numbers and
 * times are written in one way, what the plan drops by name is not there, and what it has a constant for is. Made from the plan's text,
 * without a look at what kvmig computes.
 */
export function canonical(entry: Entry, { mapping, takesExpiry }: CompiledMapping): unknown {
  const [{ type, value, expiresAt }] = [...byKey([entry]).values()] as [
    { type: string; value: unknown; expiresAt: number | null },
  ]
  const isRecord = mapping.each === undefined && type === 'hash'
  const record = (it: unknown, decode: typeof mapping.decode): unknown => {
    const bytes = Buffer.from(String(it), 'latin1')
    return decode.length === 0 ? scalar(bytes.toString()) : object(readJson(bytes), [])
  }
  return {
    key: entry.key.toString('latin1'),
    type,
    value: content(),
    expiresAt: keepsExpiry() ? expiresAt : null,
  }

  function content(): unknown {
    if (isRecord) {
      const fields = (value as readonly (readonly [string, string])[]).map(
        ([name, it]) => [name, record(it, mapping.decodeFields?.get(name) ?? [])] as const,
      )
      return object(new Map(fields) as never, [])
    }
    if (!Array.isArray(value)) return record(value, mapping.decode)
    return value.map((it) =>
      Array.isArray(it)
        ? [it[0], ...it.slice(1).map((part) => record(part, mapping.decode))]
        : record(it, mapping.decode),
    )
  }

  function keepsExpiry(): boolean {
    return takesExpiry && !mapping.unmapped?.expiry
  }

  function object(it: unknown, path: readonly string[]): unknown {
    if (Array.isArray(it)) return it.map((one) => object(one, [...path, '*']))
    if (!(it instanceof Map)) return scalar(it as Value)
    const all = new Map<string, unknown>(it as ReadonlyMap<string, unknown>)
    if (path.length === 0)
      for (const { expression } of mapping.fields)
        for (const { name, word } of fillIns(expression)) if (all.get(name) == null) all.set(name, word)
    return Object.fromEntries(
      [...all]
        .filter(([name, one]) => one !== null && one !== undefined && !isDropped([...path, name]))
        .map(([name, one]) => [name, object(one, [...path, name])] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    )
  }

  function isDropped(path: readonly string[]): boolean {
    const dropped = mapping.unmapped?.fields
    if (dropped === 'all')
      return path.length === 1 && !named(mapping.fields.map((it) => it.expression)).has(path[0]!)
    return dropped?.some((it) => it.join('.') === path.join('.')) ?? false
  }
}

/** A number, a boolean or a time is the same whether it was text before or not; a time, in whichever zone it was written. */
function scalar(value: Value): unknown {
  const text = value instanceof Decimal ? value.text : value
  if (typeof text === 'boolean') return String(text)
  if (typeof text !== 'string') return text
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return text.includes('.') ? text.replace(/\.?0+$/, '') : text
  return /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? new Date(text).toISOString() : text
}

/** The constants of a field: `total ?? const('0')`, `tags | default([])`, and the word that `null_if` stands NULL for. */
function fillIns(expression: Expression): readonly { readonly name: string; readonly word: unknown }[] {
  if (expression.kind === 'pipe') {
    const inner = fillIns(expression.input)
    const [argument] = expression.arguments
    const isWord = expression.transform === 'default' || expression.transform === 'null_if'
    if (!isWord || argument?.kind !== 'data') return inner
    return [
      ...inner,
      ...[...named([expression.input])].map((name) => ({ name, word: plain(argument.value) })),
    ]
  }
  if (expression.kind !== 'coalesce') return []
  const [first, ...others] = expression.options
  const word = others.flatMap((it) => constant(it))[0]
  return word === undefined ? [] : [...named([first!])].map((name) => ({ name, word }))
}

function constant(expression: Expression): readonly unknown[] {
  if (expression.kind === 'literal') return [plain(expression.value)]
  const argument =
    expression.kind === 'call' && expression.name === 'const' ? expression.arguments[0] : undefined
  return argument?.kind === 'data' ? [plain(argument.value)] : []
}

const plain = (literal: Literal): unknown =>
  literal !== null && typeof literal === 'object' && 'number' in literal
    ? new Decimal(literal.number)
    : literal

/** First names of the paths that expressions begin with. */
function named(expressions: readonly Expression[]): ReadonlySet<string> {
  return new Set(expressions.flatMap(of))
  function of(it: Expression): string[] {
    if (it.kind === 'path') return [String(it.path[0])]
    if (it.kind === 'pipe') return of(it.input)
    if (it.kind === 'coalesce') return it.options.flatMap(of)
    return it.kind === 'call'
      ? it.arguments.flatMap((one) => (one.kind === 'expression' ? of(one.expression) : []))
      : []
  }
}
