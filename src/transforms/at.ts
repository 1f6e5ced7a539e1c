import { parseFieldPath } from '../plan/expression.ts'
import { EACH } from '../plan/plan.ts'
import { textArgument } from './literal.ts'
import { valueAt } from './path.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const at: Transform = {
  name: 'at',
  summary:
    "What stands at a path inside: `settings | json | at('theme.color')`; missing where there is nothing.",
  parameters: [{ name: 'path', type: 'text' }],
  takes: ['object', 'array'],
  gives: () => 'any',
  oneWay: 'what lies beside it is forgotten',
  create: (args) => {
    const { path, problems } = parseFieldPath(textArgument(args, 0, 'The path'))
    const [problem] = problems
    if (!path || problem) throw new ArgumentError(`The path cannot be read: ${problem?.message ?? ''}`)
    const steps = path.filter((it) => it !== EACH)
    if (steps.length < path.length) throw new ArgumentError('The path names one place: it has no stars.')
    return { forward: (value) => (value === null ? null : valueAt(value, steps)) }
  },
}
