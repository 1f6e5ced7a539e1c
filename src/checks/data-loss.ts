import { object } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass } from './finding.ts'
import { overMillis, type Period, periodProperties, shadowsOf } from './runtime-metrics.ts'

export const dataLoss: Check<Period> = {
  name: 'data_loss',
  code: 'KV328',
  summary: 'No shadow read finds in the source what the target does not have.',
  options: object({ over: periodProperties('10m', 1).over! }, { title: 'a map with over' }),
  run: async (scope, options) => {
    const { missingInTarget, compared } = await shadowsOf(scope, overMillis(options, '10m'))
    const facts = {
      measured: `${counted(missingInTarget, 'record is', 'records are')} missing in the target, of ${counted(compared, 'shadow read')}.`,
      expected: dataLoss.summary,
      data: { missingInTarget, compared },
    }
    return missingInTarget === 0
      ? pass(dataLoss, facts)
      : fail(dataLoss, {
          ...facts,
          hint: 'kvmig rollback goes back to phase B; kvmig reconcile says which records.',
        })
  },
}
