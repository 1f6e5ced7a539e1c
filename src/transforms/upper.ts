import { mapText } from './text-transform.ts'
import type { Transform } from './transform.ts'

export const upper: Transform = {
  name: 'upper',
  summary: 'Letters in upper case.',
  parameters: [],
  takes: ['text'],
  gives: () => 'text',
  oneWay: 'the case of letters is forgotten',
  create: () => ({ forward: mapText((text) => text.toUpperCase()) }),
}
