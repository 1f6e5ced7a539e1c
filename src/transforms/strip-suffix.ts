import { textArgument } from './literal.ts'
import { mapText } from './text-transform.ts'
import type { Transform } from './transform.ts'

export const stripSuffix: Transform = {
  name: 'strip_suffix',
  summary: 'One trailing suffix dropped, if it is there.',
  parameters: [{ name: 'suffix', type: 'text' }],
  takes: ['text'],
  gives: () => 'text',
  oneWay: 'whether the suffix was there is forgotten',
  create: (args) => {
    const suffix = textArgument(args, 0, 'The suffix')
    return { forward: mapText((text) => (text.endsWith(suffix) ? text.slice(0, -suffix.length) : text)) }
  },
}
