import type { Transform } from './transform.ts'

export const present: Transform = {
  name: 'present',
  summary: 'True if there is a value, false if it is missing or null.',
  parameters: [],
  takes: ['any'],
  gives: () => 'boolean',
  takesAbsent: true,
  oneWay: 'the value itself is forgotten',
  create: () => ({ forward: (value) => value !== null && value !== undefined }),
}
