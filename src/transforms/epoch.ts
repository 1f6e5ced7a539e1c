import { EPOCH_PARAMETERS, momentOf, numberOf, plausibleYears } from './epoch-transform.ts'
import type { Transform } from './transform.ts'

export const epoch: Transform = {
  name: 'epoch',
  summary:
    'A moment, from seconds or milliseconds since 1970: from 100,000,000,000 on they are milliseconds (1973; seconds would be the year 5138).',
  parameters: EPOCH_PARAMETERS,
  takes: ['number', 'text'],
  gives: () => 'instant',
  oneWay: 'whether it was seconds or milliseconds is forgotten',
  create: (args) => {
    const years = plausibleYears(args)
    return {
      forward: (value) => {
        if (value === null || value === undefined) return value
        const text = numberOf(value)
        return momentOf(text, Math.abs(Number(text)) >= 1e11 ? 1000 : 1_000_000, years)
      },
    }
  },
}
