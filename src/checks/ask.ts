import { EXIT, KvmigError } from '../errors.ts'
import type { CheckRequest } from '../plan/plan.ts'
import type { Check, Finding, Scope } from './check.ts'

/**
 * Asks a gate: the checks that are always asked there and those of the plan, in the order of `checks`. A plan that names a mandatory check asks it with its
 * own options instead. Whatever goes wrong while measuring is a finding, `error`; only an abort is thrown.
 */
export async function askChecks(
  requests: readonly CheckRequest[],
  checks: ReadonlyMap<string, Check>,
  scope: Scope,
  gate: 'B' | 'C' | 'D' = 'B',
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const check of checks.values()) {
    const asked = requests.filter((it) => it.check === check.name)
    const isAlways = gate === 'B' ? check.mandatory : check.always?.includes(gate)
    const options = asked.length > 0 || !isAlways ? asked.map((it) => it.options) : [{}]
    for (const it of options) findings.push(await ask(check, scope, it))
  }
  const unheardOf = requests.filter((it) => !checks.has(it.check))
  return [...findings, ...unheardOf.map(cannotAsk)]
}

/** Asks one check. What goes wrong while it measures is a finding, `error`. */
export async function ask(check: Check, scope: Scope, options: CheckRequest['options']): Promise<Finding> {
  scope.signal.throwIfAborted()
  try {
    return await check.run(scope, options)
  } catch (error) {
    scope.signal.throwIfAborted()
    return {
      check: check.name,
      code: check.code,
      // A quota or a budget that is used up: only time is missing.
      status: error instanceof KvmigError && error.exitCode === EXIT.notYet ? 'pending' : 'error',
      measured: `It could not be measured: ${sentence(error)}`,
      expected: check.summary,
      samples: [],
      hint: (error instanceof KvmigError && error.hint) || 'Mend the cause, then ask again: kvmig check.',
      data: { error: error instanceof KvmigError ? error.code : 'UNEXPECTED' },
    }
  }
}

// Errors of other making may quote what they stumbled over.
function sentence(error: unknown): string {
  if (error instanceof KvmigError) return error.message
  return `an unexpected ${error instanceof Error ? error.name : typeof error}, which is a defect of kvmig.`
}

const cannotAsk = ({ check }: CheckRequest): Finding => ({
  check,
  code: 'KV300',
  status: 'error',
  measured: 'It could not be measured: this version of kvmig has no such check.',
  expected: 'Every check that the plan lists is asked.',
  samples: [],
  hint: 'Take it out of the list, or upgrade kvmig.',
})
