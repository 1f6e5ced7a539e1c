import { resolve } from 'node:path'
import type { SourceAdapter } from './source.ts'

/**
 * A file of entries, `ndjson:./dump.ndjson`: UTF-8, one JSON object a line, which `entryToLine` writes and this reads back byte for byte.
 *
 * | member | holds |
 * | --- | --- |
 * | `key` | bytes |
 * | `type` | `string`, `hash`, `list`, `set`, `zset`, `stream`; `unknown:…` with the store's own word for a type kvmig cannot read |
 * | `value` | by type, see below; absent where only the key was kept, or the type is unknown |
 * | `expires_at` | milliseconds since 1970; `null` or absent: never |
 * | `offset`, `more` | a collection in several lines, one after the other: elements before this line (absent: 0), and `true` if lines follow |
 *
 * Bytes are text where they are UTF-8, else `{"b64":"…"}`, at every place:
 *
 * | type | value |
 * | --- | --- |
 * | string | bytes |
 * | hash | `[[field, value], …]` |
 * | list | `[item, …]` |
 * | set | `[member, …]` |
 * | zset | `[[member, score], …]`; a score is a number, `"inf"` or `"-inf"` |
 * | stream | `[["1526919030474-55", [[field, value], …]], …]` |
 *
 * ```json
 * {"key":"user:1","type":"hash","value":[["name","Ann"],["photo",{"b64":"/9j/4A=="}]],"expires_at":1767830400000}
 * ```
 *
 * Nothing is guessed: an unknown member, half a surrogate pair or a value of another shape stops the reading with `file:line`.
 */
export const ndjson: SourceAdapter = {
  name: 'ndjson',
  schemes: ['ndjson'],
  summary: 'A file with one entry a line, as kvmig writes it too.',
  lacks: { count: 'the file would have to be read' },
  isBackup: true,
  options: { type: 'object', additionalProperties: false, properties: {} },
  async open(address, { root, signal }) {
    const path = address.slice('ndjson:'.length)
    const { NdjsonSource } = await import('./ndjson/ndjson-source.ts')
    return NdjsonSource.open(resolve(root, path), address, signal)
  },
}
