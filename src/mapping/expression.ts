import { compareNumbers } from '../decimal.ts'
import { readJson } from '../json/read-json.ts'
import type { Argument, Expression, Literal } from '../plan/expression.ts'
import { isChoice, isLookup, isSame, readLookup } from '../plan/lookup.ts'
import { kindOf, mismatch } from '../transforms/kind.ts'
import { literalValue } from '../transforms/literal.ts'
import { valueAt } from '../transforms/path.ts'
import { ArgumentError, type Transform } from '../transforms/transform.ts'
import { CalendarDate, Decimal, Instant, RejectError, type Value } from '../value.ts'
import { compileComputed } from './computed.ts'
import { compileLookup } from './lookup.ts'
import type { RecordScope } from './record.ts'
import { scoreText, scoreWord } from './score-text.ts'
import { readUtf8 } from './utf8.ts'

/** An expression, compiled. Throws RejectError for a record it cannot be computed for. */
export type Evaluate = (scope: RecordScope) => Value

export interface ExpressionContext {
  readonly transforms: ReadonlyMap<string, Transform>
  /** Names of the key's captures, in order. */
  readonly captures: readonly string[]
  /** Fields that other columns take: what `rest()` leaves out. */
  readonly taken: ReadonlySet<string>
}

/** Compiles an expression to a function of the record. Throws ArgumentError for what makes no sense. */
export function compileExpression(expression: Expression, context: ExpressionContext): Evaluate {
  return compile(expression, context, false)
}

/** `lenient`: another option follows, so a path that leads into a text or a number is missing rather than wrong. */
function compile(expression: Expression, context: ExpressionContext, lenient: boolean): Evaluate {
  switch (expression.kind) {
    case 'literal':
      return constant(literalValue(expression.value))
    case 'path':
      return recordPath(expression.path, lenient)
    case 'root':
      return rootPath(expression.root, expression.path, context, lenient)
    case 'call':
      return call(expression, context)
    case 'cel':
      return compileComputed(expression.cel, context.captures).evaluate
    case 'coalesce':
      return coalesce(
        expression.options.map((it, index) =>
          compile(it, context, lenient || index + 1 < expression.options.length),
        ),
      )
    case 'pipe': {
      // As a number it has none to give where it is infinite; as text it does.
      if (expression.transform === 'text' && isScore(expression.input)) return ({ score }) => scoreWord(score)
      const input = compile(expression.input, context, lenient)
      return pipe(input, compileTransform(expression, context.transforms))
    }
  }
}

const isScore = (expression: Expression): boolean => expression.kind === 'root' && expression.root === 'score'

/** A transform with its arguments, missing and null going around it unless it wants them. */
export function compileTransform(
  {
    transform: name,
    arguments: args,
    script,
  }: { readonly transform: string; readonly arguments: readonly Argument[]; readonly script?: string },
  transforms: ReadonlyMap<string, Transform>,
): (value: Value) => Value {
  const transform = transforms.get(name)
  if (!transform) throw new ArgumentError(`There is no transform "${name}".`)
  const { forward } = transform.create([...literalArguments(args), ...(script === undefined ? [] : [script])])
  if (transform.takesAbsent) return forward
  return (value) => (value === undefined || value === null ? value : forward(value))
}

/** Throws ArgumentError for an argument that is not fixed data. */
export function literalArguments(args: readonly Argument[]): Literal[] {
  return args.map((it) => {
    if (it.kind === 'data') return it.value
    throw new ArgumentError(
      'Arguments of a transform have to be fixed values, not something from the record.',
    )
  })
}

/** What does not look at the record is computed once. */
const CONSTANTS = new WeakSet<Evaluate>()

function constant(value: Value): Evaluate {
  const evaluate = () => value
  CONSTANTS.add(evaluate)
  return evaluate
}

function pipe(input: Evaluate, apply: (value: Value) => Value): Evaluate {
  const evaluate: Evaluate = (scope) => apply(input(scope))
  if (!CONSTANTS.has(input)) return evaluate
  try {
    return constant(apply(input(undefined as never)))
  } catch (error) {
    // A constant that is refused is refused for each record, where the column is known.
    if (error instanceof RejectError) return evaluate
    throw error
  }
}

function coalesce(options: readonly Evaluate[]): Evaluate {
  return (scope) => {
    let value: Value
    for (const option of options) {
      value = option(scope)
      if (value !== undefined && value !== null) return value
    }
    return value
  }
}

function recordPath(path: readonly (string | number)[], lenient: boolean): Evaluate {
  const [first] = path
  if (path.length === 1 && typeof first === 'string') {
    return ({ value }) => (value instanceof Map ? value.get(first) : notAnObject(value, lenient))
  }
  return ({ value }) => {
    if (value instanceof Map || Array.isArray(value)) return valueAt(value, path, lenient)
    return notAnObject(value, lenient)
  }
}

function notAnObject(value: Value, lenient: boolean): undefined {
  if (lenient) return undefined
  if (value === null) throw new RejectError('NULL_NOT_ALLOWED', 'Expected an object, found null.')
  throw isEncodedAgain(value)
    ? new RejectError(
        'DOUBLE_ENCODED_JSON',
        'The value is JSON text inside JSON text: say "decode: json until object".',
      )
    : mismatch('an object', value)
}

function isEncodedAgain(value: Value): boolean {
  let inner = value
  try {
    while (typeof inner === 'string') inner = readJson(inner)
  } catch {
    return false
  }
  return inner !== value && typeof inner === 'object' && inner !== null && !(inner instanceof Decimal)
}

function rootPath(
  root: string,
  path: readonly (string | number)[],
  { captures }: ExpressionContext,
  lenient: boolean,
): Evaluate {
  if ((root === 'value' || root === 'item' || root === 'member') && path.length > 0)
    return recordPath(path, lenient)
  const read = ROOTS.get(root) ?? capture(captures.indexOf(root), root)
  return path.length === 0 ? read : (scope) => valueAt(read(scope), path, lenient)
}

function capture(index: number, name: string): Evaluate {
  if (index < 0) throw new ArgumentError(`There is no $${name} here.`)
  return ({ captures }) => captures[index]
}

const ROOTS: ReadonlyMap<string, Evaluate> = new Map<string, Evaluate>([
  ['value', ({ value }) => value],
  ['item', ({ value }) => value],
  ['parent', ({ parent }) => parent],
  ['root', ({ root }) => root],
  ['name', ({ name }) => name],
  ['parent_name', ({ parentName }) => parentName],
  ['index', ({ index }) => placeOf(index)],
  ['parent_index', ({ parentIndex }) => placeOf(parentIndex)],
  ['field', ({ field }) => readUtf8(field)],
  ['member', ({ value }) => value],
  ['score', ({ score }) => new Decimal(scoreText(score))],
  ['message', ({ message }) => message],
  ['expires_at', ({ expiresAt }) => (expiresAt === null ? null : new Instant(BigInt(expiresAt) * 1000n))],
  ['field_expires_at', ({ fieldExpiresAt: at }) => (at === null ? null : new Instant(BigInt(at) * 1000n))],
  ['key', ({ key }) => keyText(key)],
])

const placeOf = (index: number): Value => (index < 0 ? undefined : new Decimal(String(index)))

function keyText(key: Buffer): string {
  try {
    return readUtf8(key)
  } catch (error) {
    if (error instanceof RejectError) throw new RejectError('INVALID_UTF8_KEY', 'The key is not valid UTF-8.')
    throw error
  }
}

function call(expression: Extract<Expression, { kind: 'call' }>, context: ExpressionContext): Evaluate {
  const { name, arguments: args } = expression
  const { taken } = context
  if (name === 'const') {
    const [value] = literalArguments(args)
    if (value === undefined) throw new ArgumentError('const() takes one value.')
    return constant(literalValue(value))
  }
  if (name === 'rest') return ({ value }) => restOf(value, taken)
  const inner = (it: Expression) => compile(it, context, false)
  if (isLookup(name)) return compileLookup(readLookup(expression), inner)
  if (isSame(name)) {
    const places = args.flatMap((it) => (it.kind === 'expression' ? [inner(it.expression)] : []))
    return (scope) => places.map((it) => it(scope)).reduce(agreed)
  }
  if (isChoice(name)) {
    const sign = name === 'least' ? -1 : 1
    const options = args.map((it) =>
      it.kind === 'data' ? constant(literalValue(it.value)) : inner(it.expression),
    )
    return (scope) => options.map((it) => it(scope)).reduce((best, it) => choose(best, it, sign))
  }
  throw new ArgumentError(`There is no function ${name}().`)
}

/** As Postgres's LEAST and GREATEST: null and missing lose; text is compared by its code points. */
function choose(best: Value, other: Value, sign: 1 | -1): Value {
  if (best === undefined || best === null) return other
  if (other === undefined || other === null) return best
  return compareValues(other, best) * sign > 0 ? other : best
}

function compareValues(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  if (a instanceof Decimal && b instanceof Decimal) return compareNumbers(a.text, b.text)
  if (a instanceof Instant && b instanceof Instant)
    return a.micros < b.micros ? -1 : a.micros > b.micros ? 1 : 0
  if (a instanceof CalendarDate && b instanceof CalendarDate) return a.days - b.days
  throw new RejectError(
    'TYPE_MISMATCH',
    'Texts, numbers, moments and dates can be compared, each with its like.',
  )
}

/** What is said twice, if it is the same; missing and null are one. */
function agreed(one: Value, other: Value): Value {
  const [isThere, isOtherThere] = [one !== undefined && one !== null, other !== undefined && other !== null]
  if (!isThere && !isOtherThere) return one
  if (!isThere || !isOtherThere)
    throw new RejectError('NOT_THE_SAME', 'Expected the same in two places, found nothing in one of them.')
  if (isEqual(one, other)) return one
  throw kindOf(one) === kindOf(other)
    ? new RejectError('NOT_THE_SAME', 'Expected the same in two places, found something else in one of them.')
    : mismatch(`the same ${kindOf(one)} in two places`, other)
}

function isEqual(one: Value, other: Value): boolean {
  if (typeof one === 'string' || typeof one === 'boolean') return one === other
  return compareValues(one, other) === 0
}

/** The fields that nobody takes; missing if there are none. */
function restOf(value: Value, taken: ReadonlySet<string>): Value {
  if (!(value instanceof Map)) return notAnObject(value, false)
  const rest = new Map([...value].filter(([name]) => !taken.has(name)))
  return rest.size === 0 ? undefined : rest
}
