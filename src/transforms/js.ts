import { createContext, runInContext, Script } from 'node:vm'
import { isSameNumber } from '../decimal.ts'
import type { Literal } from '../plan/expression.ts'
import { Decimal, RejectError, type Value, type ValueKind } from '../value.ts'
import { kindOf, mismatch } from './kind.ts'
import { ArgumentError, type Transform } from './transform.ts'

/** What a script may take and give. */
const KINDS = ['text', 'number', 'boolean'] as const
type Kind = (typeof KINDS)[number]

export const js: Transform = {
  name: 'js',
  summary:
    "What a function of the project makes of it: `js('./transforms/slug.js', { in: text, out: text })`. The file exports one function by default, imports nothing, and knows neither the clock nor chance. Kinds are text, number, boolean.",
  parameters: [
    { name: 'file', type: 'text' },
    { name: 'types', type: 'map' },
  ],
  takes: KINDS,
  gives: () => 'any',
  typesOf: (args) => {
    const types = typesIn(args)
    return types && { takes: [types.in], gives: types.out }
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
    let run: ((value: unknown) => unknown) | undefined
    return {
      forward: (value) => {
        if (value === null || value === undefined) return value
        // Only where data is read: an offline plan of somebody's pull request runs no code.
        run ??= compile(code)
        return fromScript(call(run, toScript(value, types.in)), types.out)
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

const isKind = (it: unknown): it is Kind => (KINDS as readonly unknown[]).includes(it)

/** The text of a script as something that can be run, or what is wrong with it. Nothing of it is run. */
export function readScript(source: string): { readonly code: string; readonly problem?: string } {
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

function compile(code: string): (value: unknown) => unknown {
  const context = createContext(
    { kvmigDefault: undefined },
    { codeGeneration: { strings: false, wasm: false } },
  )
  runInContext(FORGET, context)
  const found: unknown = attempt(() => {
    runInContext(code, context, { timeout: 1000 })
    return context.kvmigDefault
  })
  if (typeof found !== 'function')
    throw new RejectError('TRANSFORM', 'The script exports no function by default.')
  return found as (value: unknown) => unknown
}

/** What differs from run to run, or from machine to machine, is not there. */
const FORGET = `'use strict';
for (const name of ['Date', 'Intl', 'WeakRef', 'FinalizationRegistry', 'SharedArrayBuffer', 'Atomics', 'WebAssembly', 'performance', 'crypto', 'console'])
  delete globalThis[name];
delete Math.random;
for (const name of ['toLocaleString', 'toLocaleLowerCase', 'toLocaleUpperCase', 'localeCompare'])
  for (const type of [Object, Array, Number, BigInt, String]) delete type.prototype[name];`

function toScript(value: Value, kind: Kind): unknown {
  if (kindOf(value) !== kind) throw mismatch(`a ${kind}`.replace('a text', 'text'), value)
  if (!(value instanceof Decimal)) return value
  if (/^-?\d+$/.test(value.text)) return BigInt(value.text)
  const number = Number(value.text)
  if (Number.isFinite(number) && isSameNumber(value.text, String(number))) return number
  throw new RejectError(
    'LOSSY_FLOAT',
    'A script computes with doubles, which cannot hold this number exactly.',
  )
}

function fromScript(given: unknown, kind: ValueKind): Value {
  if (given === null || given === undefined) return given
  if (kind === 'text' && typeof given === 'string') return given
  if (kind === 'boolean' && typeof given === 'boolean') return given
  if (kind === 'number' && typeof given === 'bigint') return new Decimal(String(given))
  if (kind === 'number' && typeof given === 'number') {
    if (!Number.isFinite(given)) throw new RejectError('NON_FINITE', 'The script gave infinity or NaN.')
    return new Decimal(String(given))
  }
  throw new RejectError('TRANSFORM', `The script gave something other than the ${kind} that it declares.`)
}

const call = (run: (value: unknown) => unknown, value: unknown): unknown => attempt(() => run(value))

/** What a script throws may hold the value: it is not repeated. */
function attempt<T>(work: () => T): T {
  try {
    return work()
  } catch {
    throw new RejectError('TRANSFORM', 'The script failed for this value.')
  }
}
