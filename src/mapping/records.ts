import { isUtf8 } from 'node:buffer'
import { insideOf, type Mapping } from '../plan/plan.ts'
import type { Entry, EntryValue } from '../sources/source.ts'
import type { Transform } from '../transforms/transform.ts'
import { Decimal, RejectError, type Value } from '../value.ts'
import type { Decoding } from './decode.ts'
import { compileInside } from './inside.ts'
import type { Part } from './mapping.ts'
import type { compilePieces } from './pieces.ts'
import type { RecordScope, RecordVisitor } from './record.ts'
import { scoreText } from './score-text.ts'
import { readUtf8, type TextPolicy } from './utf8.ts'

/** Takes an entry apart into records. `fields`: the names of a hash's fields whose values are needed. */
export type Records = (scope: RecordScope, entry: Entry, visitor: RecordVisitor) => void

export interface RecordParts {
  readonly decoding: Decoding
  /** Of single fields of a hash that is one record. */
  readonly decodings: ReadonlyMap<string, Decoding>
  /** Puts the pieces of a string together. */
  readonly pieces?: ReturnType<typeof compilePieces> | undefined
  readonly transforms: ReadonlyMap<string, Transform>
  readonly fields: ReadonlySet<string> | 'all'
}

export function compileRecords(mapping: Mapping, parts: RecordParts): Records {
  const { decoding, transforms, fields } = parts
  const { each, text } = mapping
  const read = (scope: RecordScope, bytes: Buffer, part: () => Part, visitor: RecordVisitor): void => {
    if (visitor.json(bytes, part)) return
    try {
      scope.value = decoding.decode(bytes, visitor.dropped, scope)
    } catch (error) {
      if (!(error instanceof RejectError)) throw error
      visitor.refuse(error, part)
      return
    }
    take(scope, visitor, part)
  }

  const path = insideOf(each)
  const inside = path && compileInside(path, transforms)
  if (each === undefined || each.kind === 'path') {
    const whole = wholeReader(parts, mapping)
    return (scope, entry, visitor) => {
      try {
        if (isPartial(entry)) {
          // The first part speaks for all of them.
          if (entry.offset > 0) return
          throw new RejectError(
            'VALUE_TOO_LARGE',
            `The ${entry.type} is too large to be one record. Use "each" to make one of every element.`,
          )
        }
        const value = entryValue(entry)
        if (value.type === 'string' && visitor.json(value.bytes, WHOLE)) return
        if (value.type === 'hash' && visitor.hash(value, WHOLE)) return
        scope.value = whole(value, visitor.dropped, scope)
        visitor.whole(scope.value)
        if (!inside) return visitor.take(WHOLE)
        inside(scope, visitor, undefined)
      } catch (error) {
        if (!(error instanceof RejectError)) throw error
        visitor.refuse(error, WHOLE)
      }
    }
  }

  /** The record that was read, or those inside of it. */
  const take = (scope: RecordScope, visitor: RecordVisitor, part: () => Part): void => {
    if (!inside) {
      visitor.take(part)
      return
    }
    visitor.whole(scope.value)
    try {
      inside(scope, visitor, part)
    } catch (error) {
      if (!(error instanceof RejectError)) throw error
      visitor.refuse(error, part)
    }
  }
  switch (each.kind) {
    case 'field':
      return (scope, entry, visitor) => {
        const { pairs, expiries } = expect(entry, 'hash')
        for (let at = 0; at < pairs.length; at += 2) {
          const field = pairs[at]!
          const part = () => `field:${nameOf(field)}`
          scope.field = field
          scope.fieldExpiresAt = expiries?.[at >> 1] ?? null
          read(scope, pairs[at + 1]!, part, visitor)
        }
      }
    case 'item':
      return (scope, entry, visitor) => {
        const { items } = expect(entry, 'list')
        for (let at = 0; at < items.length; at++) {
          const index = entry.offset + at
          const part = () => `index:${index}`
          scope.index = index
          read(scope, items[at]!, part, visitor)
        }
      }
    case 'member':
      return (scope, entry, visitor) => {
        const value = entryValue(entry)
        if (value.type !== 'set' && value.type !== 'zset') throw new Error(`each: member of a ${value.type}`)
        for (let at = 0; at < value.members.length; at++) {
          const member = value.members[at]!
          const part = () => `member:${nameOf(member)}`
          if (value.type === 'zset') scope.score = value.scores[at]!
          read(scope, member, part, visitor)
        }
      }
    case 'message':
      return (scope, entry, visitor) => {
        for (const { id, pairs } of expect(entry, 'stream').messages) {
          const part = () => `message:${id}`
          scope.message = id
          try {
            scope.value = readFields(pairs, text, fields)
          } catch (error) {
            if (!(error instanceof RejectError)) throw error
            visitor.refuse(error, part)
            continue
          }
          take(scope, visitor, part)
        }
      }
  }
}

const WHOLE = (): Part => ''

const isPartial = ({ offset, more }: Entry): boolean => more || offset > 0

function entryValue({ value, type }: Entry): EntryValue {
  if (!value) throw new Error(`the ${type} came without its value`)
  return value
}

function expect<T extends EntryValue['type']>(entry: Entry, type: T): Extract<EntryValue, { type: T }> {
  const value = entryValue(entry)
  if (value.type !== type) throw new Error(`expected a ${type}, found a ${value.type}`)
  return value as Extract<EntryValue, { type: T }>
}

/** A name as text; as Postgres writes bytes where it is none. */
const nameOf = (bytes: Buffer): string =>
  isUtf8(bytes) ? bytes.toString('utf8') : `\\x${bytes.toString('hex')}`

/**
 * Reads an entry as one value: text or what it decodes to, an object of a hash's fields (or what decoding makes of it), a list of items,
 * members, members with scores, or messages.
 */
function wholeReader({ decoding, decodings, fields, pieces }: RecordParts, { text, decode: steps }: Mapping) {
  const opensField = steps.length > 0
  return (value: EntryValue, dropped: (field: string) => void, scope: RecordScope): Value => {
    const decode = (it: Buffer) => decoding.decode(it, dropped, scope)
    switch (value.type) {
      case 'string':
        return decode(pieces ? pieces(scope, value.bytes) : value.bytes)
      case 'hash':
        return opensField
          ? decoding.decode(readFields(value.pairs, text, 'all'), dropped, scope)
          : readFields(value.pairs, text, fields, (name, bytes) => {
              const own = decodings.get(name)
              return own
                ? own.decode(bytes, (field) => dropped(`${name}.${field}`), scope)
                : readUtf8(bytes, text)
            })
      case 'list':
        return value.items.map(decode)
      case 'set':
        return value.members.map(decode)
      case 'zset':
        return value.members.map(
          (it, at) =>
            new Map<string, Value>([
              ['member', decode(it)],
              ['score', new Decimal(scoreText(value.scores[at]!))],
            ]),
        )
      case 'stream':
        return value.messages.map(
          ({ id, pairs }) =>
            new Map<string, Value>([
              ['id', id],
              ['fields', readFields(pairs, text, 'all')],
            ]),
        )
    }
  }
}

/** Names of all, values of those that are needed: the others are only counted as there. */
function readFields(
  pairs: readonly Buffer[],
  text: TextPolicy,
  needed: ReadonlySet<string> | 'all',
  read: (name: string, bytes: Buffer) => Value = (_, bytes) => readUtf8(bytes, text),
): Value {
  const fields = new Map<string, Value>()
  for (let at = 0; at < pairs.length; at += 2) {
    const name = readUtf8(pairs[at]!, text)
    fields.set(name, needed === 'all' || needed.has(name) ? read(name, pairs[at + 1]!) : undefined)
  }
  // A message may name a field twice, and names that are no text may become alike.
  if (2 * fields.size < pairs.length) {
    throw new RejectError('DUPLICATE_JSON_KEY', 'A field stands twice: one of its values would be lost.')
  }
  return fields
}
