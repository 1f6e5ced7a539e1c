import type { EntryValue } from './source.ts'

/**
 * What a write does to one record of a store. Of a whole key: `put` replaces it, with its expiry (null: none). Of an element (a hash's
 * field, a set's member): the value holds that element alone, and the key's expiry stays unless one is given, or `persist` takes it off.
 */
export type Change =
  | {
      readonly do: 'put'
      readonly value: EntryValue
      readonly expiresAt: number | null
      readonly persist?: true
    }
  | { readonly do: 'delete' }

/** A change as bytes, for the outbox. */
export function encodeChange(change: Change): Buffer {
  if (change.do === 'delete') return Buffer.from(JSON.stringify({ do: 'delete' }))
  const { value, expiresAt, persist } = change
  const text = (it: Buffer): string => it.toString('base64')
  const packed = (() => {
    switch (value.type) {
      case 'string':
        return { bytes: text(value.bytes) }
      case 'hash':
        return { pairs: value.pairs.map(text) }
      case 'list':
        return { items: value.items.map(text) }
      case 'set':
        return { members: value.members.map(text) }
      case 'zset':
        // Infinity is no JSON.
        return { members: value.members.map(text), scores: value.scores.map(String) }
      case 'stream':
        return { messages: value.messages.map(({ id, pairs }) => ({ id, pairs: pairs.map(text) })) }
    }
  })()
  return Buffer.from(
    JSON.stringify({ do: 'put', type: value.type, ...packed, expiresAt, ...(persist && { persist }) }),
  )
}

/** What `encodeChange` made. */
export function decodeChange(bytes: Buffer): Change {
  // Only encodeChange writes these.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  const it: any = JSON.parse(bytes.toString())
  if (it.do === 'delete') return { do: 'delete' }
  const buffers = (list: readonly string[]): Buffer[] => list.map((text) => Buffer.from(text, 'base64'))
  const value = ((): EntryValue => {
    switch (it.type) {
      case 'string':
        return { type: 'string', bytes: Buffer.from(it.bytes, 'base64') }
      case 'hash':
        return { type: 'hash', pairs: buffers(it.pairs) }
      case 'list':
        return { type: 'list', items: buffers(it.items) }
      case 'set':
        return { type: 'set', members: buffers(it.members) }
      case 'zset':
        return { type: 'zset', members: buffers(it.members), scores: it.scores.map(Number) }
      default:
        return {
          type: 'stream',
          messages: it.messages.map((message: { id: string; pairs: string[] }) => ({
            id: message.id,
            pairs: buffers(message.pairs),
          })),
        }
    }
  })()
  return { do: 'put', value, expiresAt: it.expiresAt, ...(it.persist && { persist: true }) }
}
