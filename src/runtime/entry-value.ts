import { isUtf8 } from 'node:buffer'
import { KvmigError } from '../errors.ts'
import { acceptedType } from '../mapping/accepted-types.ts'
import type { EntryType, Mapping } from '../plan/plan.ts'
import type { EntryValue } from '../sources/source.ts'

/**
 * An entry as the application thinks of it: text or JSON for a string, a list of these for a list or a set, an object of these for a hash, an
 * object of numbers for a sorted set.
 */
export interface EntryCodec {
  readonly type: EntryType
  toEntry(value: unknown): EntryValue
  fromEntry(value: EntryValue): unknown
}

/** The values of a mapping's entries, or why they have no such form. `name`: of the mapping, for people. */
export function entryCodec(
  { decode, decodeFields, chunks, each, ...mapping }: Mapping,
  name: string,
): EntryCodec {
  const type = acceptedType({ decode, decodeFields, chunks, each, ...mapping } as Mapping)
  const isJson = decode.length === 1 && decode[0]!.name === 'json'
  if (type === undefined || type === 'stream' || decodeFields || (decode.length > 0 && !isJson))
    throw new KvmigError(
      'ENTRY_FORM',
      `${name}: store() gives and takes entries of text and of JSON, and these are decoded otherwise, or of no one type.`,
      { hint: 'Write them through the wrapped client, whose commands hold the source form.' },
    )
  const wrong = (expected: string): KvmigError =>
    new KvmigError('REJECTED', `${name}: expected ${expected} for a ${type}. (TYPE_MISMATCH)`)
  const bytes = (it: unknown): Buffer => {
    const text = isJson ? JSON.stringify(it) : it
    if (typeof text !== 'string') throw wrong(isJson ? 'what JSON can hold' : 'text')
    return Buffer.from(text)
  }
  const value = (it: Buffer): unknown => {
    if (!isUtf8(it)) throw wrong('UTF-8')
    return isJson ? JSON.parse(it.toString()) : it.toString()
  }
  const listOf = (given: unknown): readonly unknown[] => {
    if (!Array.isArray(given)) throw wrong('an array')
    return given
  }
  const objectOf = (given: unknown): readonly (readonly [string, unknown])[] => {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) throw wrong('an object')
    return Object.entries(given)
  }
  return {
    type,
    toEntry: (given) => {
      switch (type) {
        case 'string':
          return { type, bytes: bytes(given) }
        case 'list':
          return { type, items: listOf(given).map(bytes) }
        case 'set':
          return { type, members: listOf(given).map(bytes) }
        case 'hash':
          return { type, pairs: objectOf(given).flatMap(([field, it]) => [Buffer.from(field), bytes(it)]) }
        case 'zset': {
          const pairs = objectOf(given)
          if (pairs.some(([, it]) => typeof it !== 'number' || Number.isNaN(it))) throw wrong('numbers')
          return {
            type,
            members: pairs.map(([member]) => Buffer.from(member)),
            scores: pairs.map(([, it]) => it as number),
          }
        }
      }
    },
    fromEntry: (entry) => {
      switch (entry.type) {
        case 'string':
          return value(entry.bytes)
        case 'list':
          return entry.items.map(value)
        case 'set':
          return entry.members.map(value)
        case 'hash':
          return Object.fromEntries(
            entry.pairs.flatMap((it, at) =>
              at % 2 === 0 ? [[it.toString(), value(entry.pairs[at + 1]!)]] : [],
            ),
          )
        case 'zset':
          return Object.fromEntries(entry.members.map((it, at) => [it.toString(), entry.scores[at]]))
        default:
          throw wrong('another type')
      }
    },
  }
}
