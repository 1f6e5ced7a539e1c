import { textArgument } from './literal.ts'
import { whichEnd } from './separator.ts'
import { mapText } from './text-transform.ts'
import type { Transform } from './transform.ts'

export const after: Transform = {
  name: 'after',
  summary:
    'Text after a separator; missing where there is none. The first separator counts, unless `last` is said.',
  parameters: [
    { name: 'separator', type: 'text' },
    { name: 'which', type: 'text', optional: true },
  ],
  takes: ['text'],
  gives: () => 'text',
  oneWay: 'the rest of the text is forgotten',
  create: (args) => {
    const separator = textArgument(args, 0, 'The separator')
    const find = whichEnd(args[1])
    return {
      forward: mapText((text) => {
        const at = find(text, separator)
        return at < 0 ? undefined : text.slice(at + separator.length)
      }),
    }
  },
}
