import { textArgument } from './literal.ts'
import { mapText } from './text-transform.ts'
import type { Transform } from './transform.ts'

export const stripPrefix: Transform = {
  name: 'strip_prefix',
  summary: 'One leading prefix dropped, if it is there.',
  parameters: [{ name: 'prefix', type: 'text' }],
  takes: ['text'],
  gives: () => 'text',
  oneWay: 'whether the prefix was there is forgotten',
  create: (args) => {
    const prefix = textArgument(args, 0, 'The prefix')
    return { forward: mapText((text) => (text.startsWith(prefix) ? text.slice(prefix.length) : text)) }
  },
}
