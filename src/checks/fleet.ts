import { object } from '../plan/schema-parts.ts'
import { laggards, fleet as readFleet } from '../state/instances.ts'
import { readRoutes } from '../state/route.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { pass, pending, unknown } from './finding.ts'

interface Options {
  /** How many instances there are. */
  readonly expect?: number
}

export const fleet: Check<Options> = {
  name: 'fleet',
  code: 'KV321',
  always: ['C', 'D'],
  summary: 'Every live instance of the application has confirmed the route as it is.',
  options: object(
    {
      expect: {
        type: 'integer',
        minimum: 1,
        title: 'a whole number above 0',
        description: 'How many instances there are: one that still writes the source only cannot be seen.',
      },
    },
    { title: 'a map with expect' },
  ),
  run: async ({ target, plan }, { expect }) => {
    const route = (await readRoutes(target)).get(plan.name)
    const instances = (await readFleet(target)).filter((it) => it.epochs.has(plan.name))
    const late = laggards(instances, plan.name, route?.epoch ?? 0)
    const facts = {
      measured: `${counted(instances.length - late.length, 'instance')} of ${instances.length} confirmed epoch ${route?.epoch ?? 0}.`,
      expected: expect === undefined ? fleet.summary : `${counted(expect, 'instance')} have confirmed.`,
      samples: late.map((it) => `${it.id} on ${it.host}`),
      data: { instances: instances.length, laggards: late.map((it) => it.id), expect },
    }
    if (late.length > 0)
      return pending(fleet, {
        ...facts,
        hint: 'Each instance looks every second. One that hangs is fenced; end it, and it counts as gone after 15 seconds.',
      })
    if (instances.length < (expect ?? 1)) {
      const hint = 'Does the application use kvmig/runtime with this target, and is it running?'
      return expect === undefined ? unknown(fleet, { ...facts, hint }) : pending(fleet, { ...facts, hint })
    }
    return pass(fleet, facts)
  },
}
