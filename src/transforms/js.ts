import { createContext, runInContext, Script } from 'node:vm'
import { isSameNumber } from '../decimal.ts'
import type { Literal } from '../plan/expression.ts'
import { Decimal, RejectError, type Value, type ValueKind } from '../value.ts'
import { date } from './date.ts'
import { iso } from './iso.ts'
import { kindOf, mismatch } from './kind.ts'
import { fromScriptText, lossy, SCRIPT_VALUES, toScriptText } from './script-values.ts'
import { ArgumentError, type Transform } from './transform.ts'

/** What a script may take and give, as the language calls it. */
const KINDS = {
  text: 'text',
  number: 'number',
  boolean: 'boolean',
  list: 'array',
  object: 'object',
  time: 'instant',
  date: 'date',
  any: 'any',
} as const satisfies Readonly<Record<string, ValueKind>>
type Kind = keyof typeof KINDS
const PLAIN: readonly Kind[] = ['text', 'number', 'boolean']

export const js: Transform = {
  name: 'js',
  summary:
    "What a function of the project makes of it: `js('./transforms/slug.js', { in: text, out: text })`. The file exports one function by default, imports nothing, and knows neither the clock nor chance. Kinds are text, number, boolean, list, object, time, date, any; times and dates go in and come out as ISO 8601 text, a whole `number` as BigInt, and so do whole numbers beyond 2^53 inside lists and objects.",
  parameters: [
    { name: 'file', type: 'text' },
    { name: 'types', type: 'map' },
  ],
  takes: ['any'],
  gives: () => 'any',
  typesOf: (args) => {
    const types = typesIn(args)
    return types && { takes: [KINDS[types.in]], gives: KINDS[types.out] }
  },
  oneWay: 'only code knows what it does',
  // The source comes last, from whoever read the file.
  create: (args) => {
    const types = typesIn(args)
    const source = args[2]
    if (!types) throw new ArgumentError("Say what it takes and gives: js('./x.js', { in: text, out: text }).")
    if (typeof source !== 'string') throw new ArgumentError('js() stands behind a field of "fields:".')
    const { code, problem } = readScript(source)
    if (problem !== undefined) throw new ArgumentError(problem)
    let script: Running | undefined
    const isPlain = PLAIN.includes(types.in) && PLAIN.includes(types.out)
    return {
      forward: (value) => {
        if (value === null || value === undefined) return value
        requireKind(value, types.in)
        // Only where data is read: an offline plan of somebody's pull request runs no code.
        script ??= compile(code)
        const { run, call } = script
        if (isPlain)
          return fromScript(
            attempt(() => run(toScript(value))),
            types.out,
          )
        const text = toScriptText(value)
        return typed(fromScriptText(attempt(() => call(text, run, types.in === 'number'))), types.out)
      },
    }
  },
}

function typesIn(args: readonly Literal[]): { readonly in: Kind; readonly out: Kind } | undefined {
  const types = args[1]
  if (!(types instanceof Map) || types.size !== 2) return undefined
  const [takes, gives] = [types.get('in'), types.get('out')]
  return isKind(takes) && isKind(gives) ? { in: takes, out: gives } : undefined
}

const isKind = (it: unknown): it is Kind => typeof it === 'string' && Object.hasOwn(KINDS, it)

/** The text of a script as something that can be run, or what is wrong with it. Nothing of it is run. */
function readScript(source: string): { readonly code: string; readonly problem?: string } {
  const exports = source.match(/^export\s+default\s/gm)?.length ?? 0
  const code = `'use strict';\n${source.replace(/^export\s+default\s/m, 'kvmigDefault = ')}`
  if (exports !== 1)
    return { code, problem: 'The script has to have one "export default", at the beginning of a line.' }
  if (/^\s*import[\s{*'"(]|^\s*export\s+(?!default\s)/m.test(source))
    return { code, problem: 'The script may import nothing, and export its default only.' }
  try {
    new Script(code)
  } catch {
    return { code, problem: 'The script is no JavaScript.' }
  }
  return { code }
}

interface Running {
  readonly run: (value: unknown) => unknown
  /** Calls it with a value as `toScriptText` writes it, and gives what `fromScriptText` reads. */
  readonly call: (text: string, run: (value: unknown) => unknown, isNumber: boolean) => unknown
}

function compile(code: string): Running {
  const context = createContext(
    { kvmigDefault: undefined, kvmigCall: undefined },
    { codeGeneration: { strings: false, wasm: false } },
  )
  runInContext(FORGET, context)
  runInContext(SCRIPT_VALUES, context)
  const { kvmigCall } = context
  const found: unknown = attempt(() => {
    runInContext(code, context, { timeout: 1000 })
    return context.kvmigDefault
  })
  if (typeof found !== 'function')
    throw new RejectError('TRANSFORM', 'The script exports no function by default.')
  return { run: found as Running['run'], call: kvmigCall as Running['call'] }
}

/** What differs from run to run, or from machine to machine, is not there. */
const FORGET = `'use strict';
for (const name of ['Date', 'Intl', 'WeakRef', 'FinalizationRegistry', 'SharedArrayBuffer', 'Atomics', 'WebAssembly', 'performance', 'crypto', 'console'])
  delete globalThis[name];
delete Math.random;
for (const name of ['toLocaleString', 'toLocaleLowerCase', 'toLocaleUpperCase', 'localeCompare'])
  for (const type of [Object, Array, Number, BigInt, String]) delete type.prototype[name];`

function requireKind(value: Value, kind: Kind): void {
  if (kind === 'any' || kindOf(value) === KINDS[kind]) return
  throw mismatch(WORDS[kind], value)
}

const WORDS: Readonly<Record<Exclude<Kind, 'any'>, string>> = {
  text: 'text',
  number: 'a number',
  boolean: 'a boolean',
  list: 'a list',
  object: 'an object',
  time: 'a moment',
  date: 'a date',
}

function toScript(value: Value): unknown {
  if (!(value instanceof Decimal)) return value
  if (/^-?\d+$/.test(value.text)) return BigInt(value.text)
  const number = Number(value.text)
  if (Number.isFinite(number) && isSameNumber(value.text, String(number))) return number
  throw lossy()
}

/** What came out, held against what was declared. */
function typed(value: Value, kind: Kind): Value {
  if (value === null || value === undefined || kind === 'any' || kindOf(value) === KINDS[kind]) return value
  if (kind === 'time' && typeof value === 'string') return READ_TIME.forward(value)
  if (kind === 'date' && typeof value === 'string') return READ_DATE.forward(value)
  throw otherKind(kind)
}

const READ_TIME = iso.create([])
const READ_DATE = date.create([])

function fromScript(given: unknown, kind: Kind): Value {
  if (given === null || given === undefined) return given
  if (kind === 'text' && typeof given === 'string') return given
  if (kind === 'boolean' && typeof given === 'boolean') return given
  if (kind === 'number' && typeof given === 'bigint') return new Decimal(String(given))
  if (kind === 'number' && typeof given === 'number') {
    if (!Number.isFinite(given)) throw new RejectError('NON_FINITE', 'The script gave infinity or NaN.')
    return new Decimal(String(given))
  }
  throw otherKind(kind)
}

const otherKind = (kind: Kind): RejectError =>
  new RejectError('TRANSFORM', `The script gave something other than the ${kind} that it declares.`)

/** What a script throws may hold the value: it is not repeated. */
function attempt<T>(work: () => T): T {
  try {
    return work()
  } catch {
    throw new RejectError('TRANSFORM', 'The script failed for this value.')
  }
}
