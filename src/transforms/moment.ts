import { epoch } from './epoch.ts'
import { EPOCH_PARAMETERS } from './epoch-transform.ts'
import { iso, readIso } from './iso.ts'
import type { Transform } from './transform.ts'

export const moment: Transform = {
  name: 'moment',
  summary:
    'A moment, from whichever of these it is: ISO 8601 with its offset, seconds or milliseconds since 1970 (as `iso` and `epoch` read them). For fields that were written in several ways.',
  parameters: EPOCH_PARAMETERS,
  takes: ['number', 'text'],
  gives: () => 'instant',
  oneWay: 'in which of its forms it was written is forgotten',
  create: (args) => {
    const [fromText, fromCount] = [iso.create([]).forward, epoch.create(args).forward]
    return {
      forward: (value) => (typeof value === 'string' && readIso(value) ? fromText(value) : fromCount(value)),
    }
  },
}
