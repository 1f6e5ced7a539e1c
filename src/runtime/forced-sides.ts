import { KvmigError } from '../errors.ts'

/**
 * Which plans the environment wants read from a certain side, for emergencies: `USE_POSTGRES_<PLAN>`, true or false. Writes follow the
 * route in any case. Throws OVERRIDE for any other value, and for a variable of this form that names no plan.
 */
export function forcedSides(
  plans: readonly string[],
  variables: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<string, 'source' | 'target'> {
  const byVariable = new Map(plans.map((it) => [variableOf(it), it]))
  const forced = new Map<string, 'source' | 'target'>()
  for (const [name, value] of Object.entries(variables)) {
    if (!name.startsWith(PREFIX) || value === undefined || value === '') continue
    const plan = byVariable.get(name)
    if (plan === undefined)
      throw new KvmigError('OVERRIDE', `${name} is set, and there is no plan of that name.`, {
        hint: `There are ${[...byVariable.keys()].join(', ')}.`,
      })
    if (value !== 'true' && value !== 'false')
      throw new KvmigError('OVERRIDE', `${name} may be true or false.`)
    forced.set(plan, value === 'true' ? 'target' : 'source')
  }
  return forced
}

const PREFIX = 'USE_POSTGRES_'

/** `game-results` is USE_POSTGRES_GAME_RESULTS. */
const variableOf = (plan: string): string => PREFIX + plan.toUpperCase().replace(/[^A-Z0-9]/g, '_')
