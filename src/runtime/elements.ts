import type { Change } from '../sources/change.ts'
import type { Entry, EntryValue } from '../sources/source.ts'
import type { Place } from '../state/touches.ts'
import { bytes, fieldsOf, type Held, membersOf, scoresOf, text, wrongType } from './commands/content.ts'

/** What entries hold together that are elements of one key, or the one entry that is the key; undefined where there is none of them. */
export function contentOf(entries: readonly (Entry | undefined)[]): Held {
  const there = entries.flatMap((it) => (it?.value ? [{ value: it.value, expiresAt: it.expiresAt }] : []))
  const [first, ...others] = there
  if (!first || others.length === 0) return first
  const { type } = first.value
  if (there.some((it) => it.value.type !== type)) throw wrongType()
  const expiresAt = there.find((it) => it.expiresAt !== null)?.expiresAt ?? null
  return { value: joined(there.map((it) => it.value)), expiresAt }
}

function joined(values: readonly EntryValue[]): EntryValue {
  const [first] = values
  switch (first!.type) {
    case 'hash':
      return { type: 'hash', pairs: values.flatMap((it) => (it.type === 'hash' ? it.pairs : [])) }
    case 'set':
      return { type: 'set', members: values.flatMap((it) => (it.type === 'set' ? it.members : [])) }
    case 'zset':
      return {
        type: 'zset',
        members: values.flatMap((it) => (it.type === 'zset' ? it.members : [])),
        scores: values.flatMap((it) => (it.type === 'zset' ? it.scores : [])),
      }
    default:
      return first!
  }
}

/** The names of the elements of a hash, a set or a sorted set. */
export function elementsOf(held: Held): readonly Buffer[] {
  switch (held?.value.type) {
    case 'hash':
      return [...fieldsOf(held).keys()].map(bytes)
    case 'set':
    case 'zset':
      return held.value.members
    default:
      return []
  }
}

/** What becomes of one element, where a command made `after` of `before`. */
export function elementChange({ part }: Place, after: Held, before: Held): Change {
  const name = part.slice(part.indexOf(':') + 1)
  const value = after && elementOf(after, text(Buffer.from(name)))
  if (!after || !value) return { do: 'delete' }
  const old = before?.expiresAt ?? null
  if (after.expiresAt === null && old !== null) return { do: 'put', value, expiresAt: null, persist: true }
  return { do: 'put', value, expiresAt: after.expiresAt === old ? null : after.expiresAt }
}

function elementOf(held: NonNullable<Held>, name: string): EntryValue | undefined {
  switch (held.value.type) {
    case 'hash': {
      const value = fieldsOf(held).get(name)
      return value && { type: 'hash', pairs: [bytes(name), value] }
    }
    case 'set':
      return membersOf(held).has(name) ? { type: 'set', members: [bytes(name)] } : undefined
    case 'zset': {
      const score = scoresOf(held).get(name)
      return score === undefined ? undefined : { type: 'zset', members: [bytes(name)], scores: [score] }
    }
    default:
      throw wrongType()
  }
}
