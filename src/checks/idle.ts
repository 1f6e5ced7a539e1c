import { parseDuration } from '../plan/duration.ts'
import { duration } from '../plan/schema-parts.ts'
import { readSoak } from '../state/flips.ts'
import { readCounters } from '../state/metrics.ts'
import type { Target } from '../target/target.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass, pending } from './finding.ts'
import { span } from './span.ts'

interface Options {
  readonly value?: string
  readonly for?: string
}

export const idle: Check<Options> = {
  name: 'idle',
  code: 'KV337',
  summary:
    'Once retired, the source was used by no instance of the application for long enough. Its keys are not deleted before.',
  options: {
    type: ['string', 'object'],
    format: 'duration',
    title: 'a duration, such as 24h',
    properties: {
      for: duration,
      server: {
        type: 'boolean',
        title: 'true or false',
        description:
          'Also wants no command on any key of the whole server for so long, by its statistics. Default false: they are told, and keep nothing.',
      },
    },
    required: ['for'],
    additionalProperties: false,
  },
  run: async ({ target, plan }, options) => {
    const wanted = options.value ?? options.for ?? '24h'
    const wantedMillis = parseDuration(wanted) ?? 0
    const soaked = await readSoak(target, plan.name)
    const expected = `No command of the application reaches the source for ${wanted}.`
    if (soaked?.phase !== 'D')
      return pass(idle, {
        measured: 'The source is still written on purpose: this is asked again before its keys are deleted.',
        expected,
      })
    const commands = await commandsSince(target, plan.name, Math.min(soaked.millis, wantedMillis))
    const facts = {
      measured: `${counted(commands, 'command')} in the ${span(soaked.millis)} since it was retired.`,
      expected,
      data: { commands, millis: soaked.millis, wantedMillis },
    }
    if (commands > 0)
      return fail(idle, { ...facts, hint: 'Which instance is that? kvmig status lists them.' })
    return soaked.millis < wantedMillis
      ? pending(idle, { ...facts, hint: `Come back in ${span(wantedMillis - soaked.millis)}.` })
      : pass(idle, facts)
  },
}

/** Instances tell what they counted every five seconds, and it is kept in buckets of ten: what was told so soon may have been before. */
const LATE_MILLIS = 25_000

/** Commands of the application that have reached the source of a plan in so many milliseconds. */
export async function commandsSince(target: Target, plan: string, millis: number): Promise<number> {
  if (millis <= LATE_MILLIS) return 0
  const counters = await readCounters(target, plan, { fromMillis: millis - LATE_MILLIS })
  return (counters.get('source.read') ?? 0) + (counters.get('source.write') ?? 0)
}
