import { mapNumber } from './number-transform.ts'
import type { Transform } from './transform.ts'

export const negate: Transform = {
  name: 'negate',
  summary: 'A number with the other sign.',
  parameters: [],
  takes: ['number'],
  gives: () => 'number',
  create: () => {
    const forward = mapNumber((text) =>
      text.startsWith('-') ? text.slice(1) : /[1-9]/.test(text) ? `-${text}` : text,
    )
    return { forward, inverse: forward }
  },
}
