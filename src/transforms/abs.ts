import { mapNumber } from './number-transform.ts'
import type { Transform } from './transform.ts'

export const abs: Transform = {
  name: 'abs',
  summary: 'A number without its sign.',
  parameters: [],
  takes: ['number'],
  gives: () => 'number',
  oneWay: 'the sign is forgotten',
  create: () => ({ forward: mapNumber((text) => text.replace(/^-/, '')) }),
}
