import { isUtf8 } from 'node:buffer'
import type { Entry, EntryValue } from '../source.ts'

/** An entry, or a part of one, as a line of `ndjson:`, with its line feed. `ndjson.ts` says what is in it. */
export function entryToLine({ key, type, value, expiresAt, offset, more }: Entry): string {
  const members = [`"key":${bytes(key)}`, `"type":${JSON.stringify(type)}`]
  if (value !== undefined) members.push(`"value":${content(value)}`)
  members.push(`"expires_at":${expiresAt}`)
  if (offset > 0) members.push(`"offset":${offset}`)
  if (more) members.push('"more":true')
  return `{${members.join(',')}}\n`
}

function content(value: EntryValue): string {
  switch (value.type) {
    case 'string':
      return bytes(value.bytes)
    case 'hash':
      return pairs(value.pairs, value.expiries)
    case 'list':
      return array(value.items.map(bytes))
    case 'set':
      return array(value.members.map(bytes))
    case 'zset':
      return array(value.members.map((member, index) => `[${bytes(member)},${score(value.scores[index]!)}]`))
    case 'stream':
      return array(value.messages.map(({ id, pairs: fields }) => `["${id}",${pairs(fields)}]`))
  }
}

function pairs(items: readonly Buffer[], expiries?: readonly (number | null)[]): string {
  const written: string[] = []
  for (let at = 0; at < items.length; at += 2) {
    const expiry = expiries?.[at >> 1]
    written.push(`[${bytes(items[at]!)},${bytes(items[at + 1]!)}${expiry == null ? '' : `,${expiry}`}]`)
  }
  return array(written)
}

const array = (items: readonly string[]): string => `[${items.join(',')}]`

const bytes = (buffer: Buffer): string =>
  isUtf8(buffer) ? JSON.stringify(buffer.toString()) : `{"b64":"${buffer.toString('base64')}"}`

// The shortest text that reads back as the same double; -0 is not 0.
function score(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value)
  return value > 0 ? '"inf"' : '"-inf"'
}
