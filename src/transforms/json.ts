import { readJson } from '../json/read-json.ts'
import { writeJson } from '../json/write-json.ts'
import { RejectError, type Value } from '../value.ts'
import { mapText } from './text-transform.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const json: Transform = {
  name: 'json',
  summary:
    "The value that a JSON text describes; duplicate keys and what Postgres cannot hold are refused. `json('until object')` reads again as long as the value is text that holds JSON.",
  parameters: [{ name: 'how', type: 'text', optional: true }],
  takes: ['text'],
  gives: () => 'any',
  create: ([how]) => {
    if (how === UNTIL_OBJECT) return { forward: mapText(readUntilObject) }
    if (how !== undefined) throw new ArgumentError(`Say json, or json('${UNTIL_OBJECT}').`)
    return {
      forward: mapText((text) => readJson(text)),
      inverse: (value) => (value === null || value === undefined ? value : writeJson(value)),
    }
  },
}

const UNTIL_OBJECT = 'until object'
/** How often JSON may be wrapped into JSON text. */
const MAX_WRAPPED = 20

function readUntilObject(text: string): Value {
  let inner: Value = text
  for (let depth = 0; typeof inner === 'string'; depth++) {
    if (depth === MAX_WRAPPED)
      throw new RejectError('JSON_TOO_DEEP', `JSON lies in JSON text more than ${MAX_WRAPPED} times.`)
    inner = readJson(inner)
  }
  return inner
}
