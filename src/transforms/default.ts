import { literalValue } from './literal.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const defaultTo: Transform = {
  name: 'default',
  summary: 'Another value where it is missing or null.',
  parameters: [{ name: 'value', type: 'any' }],
  takes: ['any'],
  gives: (input) => input,
  takesAbsent: true,
  create: ([literal]) => {
    if (literal === undefined) throw new ArgumentError('Say what the value is where there is none.')
    const fallback = literalValue(literal)
    return { forward: (value) => value ?? fallback, inverse: (value) => value }
  },
}
