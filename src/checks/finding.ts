import type { Check, Finding } from './check.ts'

/** What a check has to say. A hint is for those who have something to do: a finding that passed has none. */
export type Facts = Omit<Finding, 'check' | 'code' | 'status' | 'samples'> & {
  readonly samples?: readonly string[]
}

export const pass = (check: Named, { hint: _, ...facts }: Facts): Finding => made(check, 'pass', facts)
export const fail = (check: Named, facts: Facts): Finding => made(check, 'fail', facts)
export const error = (check: Named, facts: Facts): Finding => made(check, 'error', facts)
export const unknown = (check: Named, facts: Facts): Finding => made(check, 'unknown', facts)

export const pending = (check: Named, facts: Facts): Finding => made(check, 'pending', facts)

type Named = Pick<Check, 'name' | 'code'>

/** Keys that a finding names. */
export const MOST_SAMPLES = 10

const made = (
  { name, code }: Named,
  status: Finding['status'],
  { samples = [], ...facts }: Facts,
): Finding => ({
  check: name,
  code,
  status,
  ...facts,
  samples: samples.slice(0, MOST_SAMPLES),
})
