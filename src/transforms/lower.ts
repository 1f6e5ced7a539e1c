import { mapText } from './text-transform.ts'
import type { Transform } from './transform.ts'

export const lower: Transform = {
  name: 'lower',
  summary: 'Letters in lower case.',
  parameters: [],
  takes: ['text'],
  gives: () => 'text',
  oneWay: 'the case of letters is forgotten',
  create: () => ({ forward: mapText((text) => text.toLowerCase()) }),
}
