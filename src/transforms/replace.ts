import { textArgument } from './literal.ts'
import { mapText } from './text-transform.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const replace: Transform = {
  name: 'replace',
  summary: 'Every occurrence of a text replaced by another.',
  parameters: [
    { name: 'text', type: 'text' },
    { name: 'by', type: 'text' },
  ],
  takes: ['text'],
  gives: () => 'text',
  oneWay: 'what was replaced is forgotten',
  create: (args) => {
    const searched = textArgument(args, 0, 'The text to replace')
    const by = args[1]
    if (typeof by !== 'string') throw new ArgumentError('The replacement has to be text.')
    // A function, so that `$&` in the replacement means itself.
    return { forward: mapText((text) => text.replaceAll(searched, () => by)) }
  },
}
