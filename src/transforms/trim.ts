import { mapText } from './text-transform.ts'
import type { Transform } from './transform.ts'

export const trim: Transform = {
  name: 'trim',
  summary: 'White space at both ends dropped.',
  parameters: [],
  takes: ['text'],
  gives: () => 'text',
  oneWay: 'white space at the ends is forgotten',
  create: () => ({ forward: mapText((text) => text.trim()) }),
}
