import { Environment } from '@marcbachmann/cel-js'
import { RE2JS } from 're2js'
import { dateText } from '../calendar.ts'
import { CalendarDate, Decimal, Instant, RejectError, type Value } from '../value.ts'
import type { RecordScope } from './record.ts'

/** Does the record belong? Throws RejectError (TRANSFORM) where the question cannot be answered: such a record is never just dropped. */
export type Where = (scope: RecordScope) => boolean

/** The names that `where` knows, beside CEL's own. */
export const WHERE_ROOTS = [
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

/** A `where`, compiled, and the fields of the record it reads (`all` if that cannot be told, or if it reads what encloses the record). */
export interface CompiledWhere {
  readonly test: Where
  readonly fields: ReadonlySet<string> | 'all'
}

/**
 * Compiles the CEL of `where`. Integers are CEL ints of any size, other numbers doubles, objects maps; a missing field is asked for with
 * has(). Throws WhereError for text that is no CEL, or no question.
 */
export function compileWhere(cel: string, captures: readonly string[]): CompiledWhere {
  const parsed = parse(cel)
  const fields = fieldsOf(parsed.ast)
  return {
    fields,
    test: (scope) => {
      let answer: unknown
      try {
        answer = parsed(new Bindings(scope, captures, fields))
      } catch (error) {
        throw new RejectError('TRANSFORM', `where cannot be answered for this record: ${reasonOf(error)}.`)
      }
      if (typeof answer === 'boolean') return answer
      throw new RejectError('TRANSFORM', 'where gave neither true nor false for this record.')
    },
  }
}

export class WhereError extends Error {}

const RE2_MATCHES = 're2Matches'

const environment = WHERE_ROOTS.reduce(
  (it, root) => it.registerVariable(root, 'dyn'),
  new Environment({ enableOptionalTypes: true }),
).registerFunction(`string.${RE2_MATCHES}(string): bool`, (text: string, regex: string) =>
  RE2JS.compile(regex).matcher(text).find(),
)

function parse(cel: string) {
  let parsed: ReturnType<typeof environment.parse>
  try {
    parsed = environment.parse(cel)
  } catch (error) {
    throw new WhereError(`where is no CEL expression: ${firstLine(error)}`)
  }
  // CEL's own `matches` runs JavaScript's expressions, which a value can keep busy for years.
  visit(parsed.ast, (node) => {
    const args = node.args as unknown[]
    if (node.op === 'rcall' && args[0] === 'matches') args[0] = RE2_MATCHES
  })
  const { valid, type, error } = parsed.check()
  if (!valid) throw new WhereError(`where cannot be used: ${firstLine(error)}`)
  if (type !== 'bool' && type !== 'dyn')
    throw new WhereError(`where has to be true or false; this gives ${type}.`)
  return parsed
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

/** The variables of one evaluation, made when they are asked for. */
class Bindings {
  readonly #scope: RecordScope
  readonly #captures: readonly string[]
  readonly #fields: ReadonlySet<string> | 'all'

  constructor(scope: RecordScope, captures: readonly string[], fields: ReadonlySet<string> | 'all') {
    this.#scope = scope
    this.#captures = captures
    this.#fields = fields
  }

  get r(): unknown {
    const { value } = this.#scope
    if (!(value instanceof Map) || this.#fields === 'all') return celValue(value)
    const needed = new Map<string, unknown>()
    for (const name of this.#fields) if (value.has(name)) needed.set(name, celValue(value.get(name)))
    return needed
  }

  get key(): unknown {
    return new Map(this.#captures.map((name, index) => [name, celValue(this.#scope.captures[index])]))
  }

  get item(): unknown {
    return celValue(this.#scope.value)
  }

  get value(): unknown {
    return celValue(this.#scope.value)
  }

  get message(): unknown {
    return this.#scope.message
  }

  get parent(): unknown {
    return celValue(this.#scope.parent)
  }

  get field(): unknown {
    return this.#scope.field.toString('utf8')
  }

  get member(): unknown {
    return celValue(this.#scope.value)
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
}

const INTEGER = /^-?\d+$/

function celValue(value: Value): unknown {
  if (value instanceof Decimal) return INTEGER.test(value.text) ? BigInt(value.text) : Number(value.text)
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, celValue(item)]))
  if (Array.isArray(value)) return value.map(celValue)
  if (Buffer.isBuffer(value)) return new Uint8Array(value)
  if (value instanceof Instant) return new Date(Number(value.micros / 1000n))
  if (value instanceof CalendarDate) return dateText(value.days)
  return value
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
