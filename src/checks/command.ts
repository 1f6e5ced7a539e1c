import { parseDuration } from '../plan/duration.ts'
import { duration, object, text } from '../plan/schema-parts.ts'
import { runInGroup } from '../process-group.ts'
import type { Check } from './check.ts'
import { fail, pass, unknown } from './finding.ts'
import { hasLimits, type Limits, limitProperties } from './limit.ts'
import { judgeNumber } from './number-of.ts'

export const command: Check<Limits & { readonly run: string; readonly within?: string }> = {
  name: 'command',
  code: 'KV336',
  summary:
    'A command of your own ends with 0 or, with limits, prints a number within them. What else it prints is not shown.',
  options: object(
    {
      run: { ...text('a command'), description: 'For the shell, in the folder of the project.' },
      within: { ...duration, description: 'It is ended after that long. Default 30s.' },
      ...limitProperties,
    },
    { required: ['run'], title: 'a map with run, within and above, below or at_least' },
  ),
  run: async ({ project, plan, signal }, { run, within = '30s', ...limits }) => {
    let printed = ''
    const { exitCode, timedOut } = await runInGroup({
      run,
      cwd: project.root,
      variables: { KVMIG_PLAN: plan.name },
      withinMillis: parseDuration(within) ?? 30_000,
      signal,
      hear: (text, from) => {
        if (from === 'stdout' && printed.length < MOST_PRINTED) printed += text
      },
    })
    const expected = hasLimits(limits) ? 'It prints a number within the limits.' : 'It ends with 0.'
    if (timedOut)
      return unknown(command, {
        measured: `It did not end within ${within}.`,
        expected,
        hint: 'Give it more time: within.',
      })
    if (exitCode === undefined)
      return unknown(command, {
        measured: 'It could not be run.',
        expected,
        hint: 'Run it by hand in the folder of the project.',
      })
    if (hasLimits(limits) && exitCode === 0)
      return judgeNumber(command, printed.trim(), {
        limits,
        what: 'The command',
        missing: 'It has to print one number, and nothing else.',
      })
    const facts = { measured: `It ended with ${exitCode}.`, expected, data: { exitCode } }
    if (exitCode === 0) return pass(command, facts)
    return hasLimits(limits)
      ? unknown(command, { ...facts, hint: 'Run it by hand in the folder of the project.' })
      : fail(command, facts)
  },
}

/** Characters: a number takes fewer, and what is no number need not be kept. */
const MOST_PRINTED = 100_000
