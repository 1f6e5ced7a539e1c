import type { Literal } from '../../src/plan/expression.ts'
import { TRANSFORMS } from '../../src/transforms/index.ts'
import type { TransformFunction } from '../../src/transforms/transform.ts'
import { CalendarDate, Decimal, Instant, RejectError, type Value } from '../../src/value.ts'

/** A transform by name, compiled; missing and null go around it as in a mapping. */
export function transform(name: string, ...args: readonly Literal[]): TransformFunction {
  const found = TRANSFORMS.find((it) => it.name === name)
  if (!found) throw new Error(`no transform ${name}`)
  return found.create(args)
}

/** What it gives, or the code of the reject. */
export function outcome(compute: () => Value): Value | { readonly rejected: string } {
  try {
    return compute()
  } catch (error) {
    if (error instanceof RejectError) return { rejected: error.code }
    throw error
  }
}

export const reject = (rejected: string) => ({ rejected })
export const n = (text: string): Decimal => new Decimal(text)
export const number = (text: string): { readonly number: string } => ({ number: text })
export const at = (iso: string, micros = 0): Instant =>
  new Instant(BigInt(Date.parse(iso)) * 1000n + BigInt(micros))
export const day = (iso: string): CalendarDate =>
  new CalendarDate(Date.parse(`${iso}T00:00:00Z`) / 86_400_000)
