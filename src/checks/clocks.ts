import { SourceError } from '../errors.ts'
import { parseDuration } from '../plan/duration.ts'
import { mappingsOf } from '../plan/plan.ts'
import { duration, object } from '../plan/schema-parts.ts'
import type { Source } from '../sources/source.ts'
import type { Check } from './check.ts'
import { clockOffsets, isBeyond, showOffset } from './clock-offsets.ts'
import { error, fail, pass } from './finding.ts'

/** How far the clock of a store may be from the database's: what expires is gone on one side and there on the other for so long. */
export const SOURCE_WITHIN = '5s'

export const clocks: Check<{ readonly within?: string; readonly machine?: string }> = {
  name: 'clocks',
  code: 'KV340',
  always: ['C'],
  summary:
    'The clocks of the source and of the database agree where the plan has rows that expire, and this machine’s is not far off.',
  options: object(
    {
      within: { ...duration, description: `Source and database. Default ${SOURCE_WITHIN}.` },
      machine: { ...duration, description: 'This machine and the database. Default 60s.' },
    },
    { title: 'a map with within, machine' },
  ),
  run: async (scope, { within = SOURCE_WITHIN, machine: allowed = '60s' }) => {
    const { target, plan, compiled } = scope
    const expires = mappingsOf(plan).some(({ name }) => compiled.mapping(plan.name, name).takesExpiry)
    const expected = `The source is within ${within} of the database${expires ? '' : ', where anything expires'}, this machine within ${allowed}.`
    let source: Pick<Source, 'label' | 'clocks'> | undefined
    let offsets: Awaited<ReturnType<typeof clockOffsets>>
    try {
      source = expires ? await scope.source?.() : undefined
      offsets = await clockOffsets(target, source, scope.now ?? Date.now)
    } catch (cause) {
      if (!(cause instanceof SourceError)) throw cause
      return error(clocks, {
        measured: `The source does not tell the time: ${cause.message}`,
        expected,
        hint: cause.hint ?? 'Its user needs the command TIME.',
      })
    }
    const { machine } = offsets
    const store = offsets.source
    const parts = [
      store && source
        ? `The clock of ${source.label} ${showOffset(store, 'that of the database')}`
        : expires
          ? 'The source has no clock of its own'
          : 'Nothing of the plan expires by the clock of the source',
      `this machine’s ${showOffset(machine, 'it')}.`,
    ]
    const facts = {
      measured: parts.join('; '),
      expected,
      data: {
        ...(store ? { sourceMillis: Math.round(store.millis) } : {}),
        machineMillis: Math.round(machine.millis),
      },
    }
    if (store && isBeyond(store, parseDuration(within) ?? 0))
      return fail(clocks, {
        ...facts,
        hint: `Set the clocks (NTP) before the cutover: what expires would go ${store.millis > 0 ? 'later' : 'earlier'} by so much once Postgres answers. If that does no harm: clocks: { within: … }.`,
      })
    if (isBeyond(machine, parseDuration(allowed) ?? 0))
      return fail(clocks, {
        ...facts,
        hint: 'Set the clock of this machine (NTP). kvmig decides nothing by it, but signatures for S3 and TLS certificates are judged by it, and times in logs.',
      })
    return pass(clocks, facts)
  },
}
