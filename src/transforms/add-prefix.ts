import { RejectError } from '../value.ts'
import { textArgument } from './literal.ts'
import { mapText } from './text-transform.ts'
import type { Transform } from './transform.ts'

export const addPrefix: Transform = {
  name: 'add_prefix',
  summary: 'The prefix, then the text.',
  parameters: [{ name: 'prefix', type: 'text' }],
  takes: ['text'],
  gives: () => 'text',
  create: (args) => {
    const prefix = textArgument(args, 0, 'The prefix')
    return {
      forward: mapText((text) => prefix + text),
      inverse: mapText((text) => {
        if (!text.startsWith(prefix))
          throw new RejectError('TRANSFORM', 'The text lacks the prefix that was added.')
        return text.slice(prefix.length)
      }),
      injective: true,
    }
  },
}
