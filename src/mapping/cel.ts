import { Environment } from '@marcbachmann/cel-js'
import { RE2JS } from 're2js'
import { dateText } from '../calendar.ts'
import { isSameNumber } from '../decimal.ts'
import { CEL_LOOKUPS } from '../plan/cel-lookups.ts'
import type { Lookup, Template } from '../plan/lookup.ts'
import type { Question } from '../sources/question.ts'
import { CalendarDate, Decimal, Instant, RejectError, type Value } from '../value.ts'
import { dataOf } from './cel-data.ts'
import { answerOf, lookupBytes } from './lookup.ts'
import type { RecordScope } from './record.ts'

/** The names that CEL knows here, beside its own. */
const CEL_ROOTS = [
  'r',
  'key',
  'item',
  'field',
  'member',
  'score',
  'index',
  'parent',
  'name',
  'message',
  'value',
] as const

/** CEL, compiled, and the fields of the record it reads (`all` if that cannot be told, or if it reads what encloses the record). */
export interface CompiledCel {
  readonly fields: ReadonlySet<string> | 'all'
  /** CEL's static type of what it gives. */
  readonly type: string
  /** What it asks other keys. */
  readonly lookups: readonly Lookup[]
  /** `value` stands for `$value` where it is not the record itself. Throws RejectError (TRANSFORM) where there is no answer. */
  evaluate(scope: RecordScope, value?: Value): unknown
}

export interface CelOptions {
  /** What it is, for messages: `where`. */
  readonly what: string
  /** Names of the key's captures, in order. */
  readonly captures: readonly string[]
  /** Refuse numbers that CEL cannot hold exactly (LOSSY_FLOAT): what it gives is stored. */
  readonly exact?: boolean
}

/**
 * Compiles CEL. Integers are CEL ints of any size, other numbers doubles, objects maps; a missing field is asked for with has(). Throws
 * CelError for text that is none.
 */
export function compileCel(cel: string, { what, captures, exact = false }: CelOptions): CompiledCel {
  const parsed = parse(cel, what)
  const fields = fieldsOf(parsed.ast)
  return {
    fields,
    type: parsed.type,
    lookups: celLookups(parsed.ast),
    evaluate: (scope, value) => {
      asking = { scope }
      try {
        const answer = parsed.run(new Bindings(scope, { captures, fields, exact, value }))
        if (asking.failure === undefined) return answer
      } catch (error) {
        // CEL wraps what a function throws, so that it has to be remembered.
        if (asking.failure === undefined && error instanceof RejectError) throw error
        if (asking.failure === undefined)
          throw new RejectError(
            'TRANSFORM',
            `${what} cannot be answered for this record: ${reasonOf(error)}.`,
          )
      }
      throw asking.failure
    },
  }
}

export class CelError extends Error {}

const RE2_MATCHES = 're2Matches'

/** Whose lookups are asked now, and what came in the way. */
let asking: { readonly scope: RecordScope; failure?: unknown }

function ask(kind: Question['kind'], ...args: readonly unknown[]): unknown {
  try {
    const [key, item] = args.map((it) => lookupBytes(dataOf(it)))
    if (key === undefined || (kind !== 'get' && item === undefined)) return null
    const question = kind === 'get' ? { kind, key } : { kind, key, item: item! }
    return celValue(answerOf(asking.scope, question), false) ?? null
  } catch (error) {
    asking.failure = error
    throw error
  }
}

const environment = CEL_ROOTS.reduce(
  (it, root) => it.registerVariable(root, 'dyn'),
  new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false }),
)
  .registerFunction(`string.${RE2_MATCHES}(string): bool`, (text: string, regex: string) =>
    RE2JS.compile(regex).matcher(text).find(),
  )
  .registerFunction(CEL_LOOKUPS.get, (key: unknown) => ask('get', key))
  .registerFunction(CEL_LOOKUPS.hget, (key: unknown, field: unknown) => ask('hget', key, field))
  .registerFunction(CEL_LOOKUPS.score, (key: unknown, member: unknown) => ask('score', key, member))
  .registerFunction(CEL_LOOKUPS.member, (key: unknown, member: unknown) => ask('member', key, member))

function parse(cel: string, what: string) {
  let parsed: ReturnType<typeof environment.parse>
  try {
    parsed = environment.parse(cel)
  } catch (error) {
    throw new CelError(`${what} is no CEL expression: ${firstLine(error)}`)
  }
  // CEL's own `matches` runs JavaScript's expressions, which a value can keep busy for years.
  visit(parsed.ast, (node) => {
    const args = node.args as unknown[]
    if (node.op === 'rcall' && args[0] === 'matches') args[0] = RE2_MATCHES
  })
  const { valid, type, error } = parsed.check()
  if (!valid) throw new CelError(`${what} cannot be used: ${firstLine(error)}`)
  return { ast: parsed.ast, type: String(type), run: (bindings: Bindings): unknown => parsed(bindings) }
}

/** The lookups of an expression: their keys as far as the text says them, each hole a root of no name. */
function celLookups(ast: unknown): readonly Lookup[] {
  const found: Lookup[] = []
  visit(ast, ({ op, args }) => {
    if (op !== 'call' || !Array.isArray(args)) return
    const [name, list] = args as [string, readonly Node[]]
    if (!(name in CEL_LOOKUPS) || !list[0]) return
    found.push({ kind: 'get', key: keyOf(list[0]) })
  })
  return found
}

const HOLE: Template[number] = { kind: 'path', path: [], span: { start: 0, end: 0 } }

function keyOf({ op, args }: Node): Template {
  if (op === 'value' && typeof args === 'string') return [args]
  if (op === '+' && Array.isArray(args)) return (args as readonly Node[]).flatMap(keyOf)
  return [HOLE]
}

interface Node {
  readonly op: string
  readonly args: unknown
}

function visit(node: unknown, act: (node: Node) => void): void {
  if (Array.isArray(node)) for (const item of node) visit(item, act)
  else if (typeof node === 'object' && node !== null && 'op' in node) {
    act(node as Node)
    visit((node as Node).args, act)
  }
}

/** Names behind `r.`; `all` where the record, or what encloses it, is looked at in any other way. */
function fieldsOf(ast: unknown): ReadonlySet<string> | 'all' {
  const fields = new Set<string>()
  let uses = 0
  let named = 0
  visit(ast, ({ op, args }) => {
    if (op === 'id' && WHOLES.has(args as string)) uses++
    if (op !== '.' || !Array.isArray(args)) return
    const [object, name] = args as [Node, string]
    if (object.op !== 'id' || object.args !== 'r') return
    fields.add(name)
    named++
  })
  return uses === named ? fields : 'all'
}

const WHOLES: ReadonlySet<string> = new Set(['r', 'value', 'item', 'member', 'parent'])

interface Bound {
  readonly captures: readonly string[]
  readonly fields: ReadonlySet<string> | 'all'
  readonly exact: boolean
  readonly value: Value
}

/** The variables of one evaluation, made when they are asked for. */
class Bindings {
  readonly #scope: RecordScope
  readonly #bound: Bound

  constructor(scope: RecordScope, bound: Bound) {
    this.#scope = scope
    this.#bound = bound
  }

  get r(): unknown {
    const { value } = this.#scope
    const { fields } = this.#bound
    if (!(value instanceof Map) || fields === 'all') return this.#of(value)
    const needed = new Map<string, unknown>()
    for (const name of fields) if (value.has(name)) needed.set(name, this.#of(value.get(name)))
    return needed
  }

  get key(): unknown {
    const { captures } = this.#bound
    return new Map(captures.map((name, index) => [name, this.#of(this.#scope.captures[index])]))
  }

  get item(): unknown {
    return this.#of(this.#scope.value)
  }

  get value(): unknown {
    return this.#of(this.#bound.value ?? this.#scope.value)
  }

  get message(): unknown {
    return this.#scope.message
  }

  get parent(): unknown {
    return this.#of(this.#scope.parent)
  }

  get field(): unknown {
    return this.#scope.field.toString('utf8')
  }

  get member(): unknown {
    return this.#of(this.#scope.value)
  }

  get score(): unknown {
    return this.#scope.score
  }

  get index(): unknown {
    return BigInt(this.#scope.index)
  }

  get name(): unknown {
    return this.#scope.name
  }

  #of(value: Value): unknown {
    return celValue(value, this.#bound.exact)
  }
}

const INTEGER = /^-?\d+$/

function celValue(value: Value, exact: boolean): unknown {
  if (value instanceof Decimal)
    return INTEGER.test(value.text) ? BigInt(value.text) : numberOf(value.text, exact)
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, celValue(item, exact)]))
  if (Array.isArray(value)) return value.map((it) => celValue(it, exact))
  if (Buffer.isBuffer(value)) return new Uint8Array(value)
  if (value instanceof Instant) return new Date(Number(value.micros / 1000n))
  if (value instanceof CalendarDate) return dateText(value.days)
  return value
}

function numberOf(text: string, exact: boolean): number {
  const number = Number(text)
  if (exact && !(Number.isFinite(number) && isSameNumber(text, String(number))))
    throw new RejectError('LOSSY_FLOAT', 'CEL computes with doubles, which cannot hold this number exactly.')
  return number
}

/** CEL's messages may quote values; its codes do not. A missing key is named only if it comes from the expression. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown_error'
  return code === 'no_such_key'
    ? 'a field it asks for is missing (ask has() first)'
    : code.replaceAll('_', ' ')
}

const firstLine = (error: unknown): string =>
  error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
