import { parseDuration } from '../../plan/duration.ts'
import type { Plan } from '../../plan/plan.ts'
import { forgetGone } from '../../state/instances.ts'
import { pruneMetrics } from '../../state/metrics.ts'
import type { Target } from '../../target/target.ts'

const DAY_MILLIS = 86_400_000

/**
 * Forgets what nobody asks for any more: what instances measured (a few rows every ten seconds each) from before the longest time that a
 * check of these plans, which are all that there are, looks back at; and instances that never said good-bye.
 */
export async function forgetOld(target: Target, plans: readonly Plan[]): Promise<void> {
  await pruneMetrics(target, DAY_MILLIS + Math.max(DAY_MILLIS, ...plans.map(looksBackMillis)))
  await forgetGone(target, DAY_MILLIS)
}

/** The longest duration that a gate or a trigger of the plan names; whatever it is for, no window is longer. */
function looksBackMillis({ gates, triggers }: Plan): number {
  const asked = [...gates.values(), ...triggers.values()].flat()
  return Math.max(0, ...asked.flatMap(({ options }) => durationsIn(options)))
}

function durationsIn(value: unknown): readonly number[] {
  if (typeof value === 'string') return [parseDuration(value) ?? 0]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(durationsIn) : []
}
