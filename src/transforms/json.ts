import { readJson } from '../json/read-json.ts'
import { writeJson } from '../json/write-json.ts'
import { mapText } from './text-transform.ts'
import type { Transform } from './transform.ts'

export const json: Transform = {
  name: 'json',
  summary: 'The value that a JSON text describes; duplicate keys and what Postgres cannot hold are refused.',
  parameters: [],
  takes: ['text'],
  gives: () => 'any',
  create: () => ({
    forward: mapText((text) => readJson(text)),
    inverse: (value) => (value === null || value === undefined ? value : writeJson(value)),
  }),
}
