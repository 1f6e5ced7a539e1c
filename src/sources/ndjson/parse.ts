import { isUtf8 } from 'node:buffer'
import { didYouMean } from '../../diagnostic.ts'
import { ENTRY_TYPES, type EntryType } from '../../plan/plan.ts'
import { parseScore } from '../score.ts'
import type { Entry, EntryValue, StreamMessage } from '../source.ts'

/** Says what is wrong with a line, without repeating what is in it. */
export type Complain = (what: string) => Error

/** A line as an entry: strictly, so that nothing is guessed. */
export function lineToEntry(line: Buffer, complain: Complain): Entry {
  const members = parseObject(line, complain)
  for (const name of Object.keys(members)) {
    if (MEMBERS.includes(name)) continue
    const meant = didYouMean(name, MEMBERS)
    throw complain(`it has a member that does not exist${meant ? `: did you mean "${meant}"?` : ''}`)
  }
  const { key, type, value, expires_at = null, offset = 0, more = false } = members
  const entryType = readType(type, complain)
  if (expires_at !== null && !isWhole(expires_at))
    throw complain('"expires_at" is neither null nor whole milliseconds since 1970')
  if (!isWhole(offset) || offset < 0) throw complain('"offset" is no count of elements')
  if (typeof more !== 'boolean') throw complain('"more" is neither true nor false')
  const common = { key: readBytes(key, '"key"', complain), expiresAt: expires_at, offset, more }
  if (isUnknown(entryType)) {
    if (value !== undefined) throw complain('a type kvmig cannot read has a value')
    return { ...common, type: entryType }
  }
  if (value === undefined) return { ...common, type: entryType }
  return { ...common, type: entryType, value: readContent(entryType, value, complain) }
}

const MEMBERS: readonly string[] = ['key', 'type', 'value', 'expires_at', 'offset', 'more']

function parseObject(line: Buffer, complain: Complain): Record<string, unknown> {
  if (!isUtf8(line)) throw complain('it is not UTF-8')
  let parsed: unknown
  try {
    parsed = JSON.parse(line.toString())
  } catch {
    // The parser's own message quotes the line.
    throw complain('it is not JSON')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw complain('it is no JSON object')
  return parsed as Record<string, unknown>
}

function readType(type: unknown, complain: Complain): Entry['type'] {
  const known = ENTRY_TYPES.find((it) => it === type)
  if (known !== undefined) return known
  if (typeof type === 'string' && /^unknown:./.test(type)) return type as Entry['type']
  throw complain(`"type" is none of ${ENTRY_TYPES.join(', ')}, unknown:…`)
}

const isUnknown = (type: Entry['type']): type is Exclude<Entry['type'], EntryType> =>
  type.startsWith('unknown:')

const isWhole = (value: unknown): value is number => Number.isInteger(value)

function readContent(type: EntryType, value: unknown, complain: Complain): EntryValue {
  if (type === 'string') return { type, bytes: readBytes(value, 'the value', complain) }
  if (!Array.isArray(value)) throw complain(`the value of a ${type} is an array`)
  switch (type) {
    case 'hash':
      return readHash(value, complain)
    case 'list':
      return { type, items: value.map((it) => readBytes(it, 'an item', complain)) }
    case 'set':
      return { type, members: value.map((it) => readBytes(it, 'a member', complain)) }
    case 'zset':
      return {
        type,
        members: value.map((it) => readBytes(pair(it, complain)[0], 'a member', complain)),
        scores: value.map((it) => readScore(pair(it, complain)[1], complain)),
      }
    case 'stream':
      return { type, messages: value.map((it) => readMessage(it, complain)) }
  }
}

// A field that expires before its key comes as a triple.
function readHash(value: readonly unknown[], complain: Complain): EntryValue {
  const isTriple = (it: unknown): it is readonly unknown[] => Array.isArray(it) && it.length === 3
  if (!value.some(isTriple)) return { type: 'hash', pairs: readPairs(value, complain) }
  const pairs = readPairs(
    value.map((it) => (isTriple(it) ? it.slice(0, 2) : it)),
    complain,
  )
  const expiries = value.map((it) => {
    const expiry = isTriple(it) ? it[2] : null
    if (expiry !== null && !isWhole(expiry))
      throw complain('the expiry of a field is neither null nor whole milliseconds since 1970')
    return expiry
  })
  return { type: 'hash', pairs, expiries }
}

function readPairs(value: readonly unknown[], complain: Complain): Buffer[] {
  return value.flatMap((it) => {
    const [field, content] = pair(it, complain)
    return [readBytes(field, 'a field', complain), readBytes(content, 'the value of a field', complain)]
  })
}

function readMessage(value: unknown, complain: Complain): StreamMessage {
  const [id, fields] = pair(value, complain)
  if (typeof id !== 'string' || !/^\d{1,20}-\d{1,20}$/.test(id))
    throw complain('the id of a message is no id')
  if (!Array.isArray(fields)) throw complain('the fields of a message are an array')
  return { id, pairs: readPairs(fields, complain) }
}

function readScore(value: unknown, complain: Complain): number {
  if (typeof value === 'number') return value
  const score = value === 'inf' || value === '-inf' ? parseScore(value) : undefined
  if (score === undefined) throw complain('a score is neither a number nor "inf" or "-inf"')
  return score
}

function pair(value: unknown, complain: Complain): readonly [unknown, unknown] {
  if (Array.isArray(value) && value.length === 2) return [value[0], value[1]]
  throw complain('what should be a pair is none')
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function readBytes(value: unknown, what: string, complain: Complain): Buffer {
  if (typeof value === 'string') {
    if (/\p{Surrogate}/u.test(value))
      throw complain(`${what} has half a surrogate pair, which no bytes stand for`)
    return Buffer.from(value)
  }
  const { b64, ...others } = (value ?? {}) as Record<string, unknown>
  if (typeof b64 !== 'string' || !BASE64.test(b64) || Object.keys(others).length > 0)
    throw complain(`${what} is neither text nor {"b64":"…"}`)
  return Buffer.from(b64, 'base64')
}
