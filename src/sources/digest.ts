import { createHash, type Hash } from 'node:crypto'
import type { Entry, EntryValue } from './source.ts'

/**
 * SHA-256 of one key as a store holds it: name, type, expiry and value, byte for byte. It does not depend on how a store orders the fields
 * of a hash or the members of a set, nor on the parts a big collection comes in. Takes the parts in order.
 */
export class EntryDigest {
  readonly #head: Hash
  readonly #ordered = createHash('sha256')
  readonly #unordered: Buffer[] = []
  #readable = true

  constructor({ key, type, expiresAt }: Pick<Entry, 'key' | 'type' | 'expiresAt'>) {
    this.#head = createHash('sha256')
    feed(this.#head, key)
    feed(this.#head, Buffer.from(`${type} ${expiresAt ?? 'never'}`))
  }

  add({ value }: Pick<Entry, 'value'>): this {
    if (value === undefined) this.#readable = false
    else this.#take(value)
    return this
  }

  /** Undefined for a value that could not be read: nothing is equal to it. */
  finish(): Buffer | undefined {
    if (!this.#readable) return undefined
    for (const it of this.#unordered.sort(Buffer.compare)) this.#ordered.update(it)
    return this.#head.update(this.#ordered.digest()).digest()
  }

  #take(value: EntryValue): void {
    switch (value.type) {
      case 'string':
        feed(this.#ordered, value.bytes)
        return
      case 'list':
        for (const it of value.items) feed(this.#ordered, it)
        return
      case 'stream':
        for (const { id, pairs } of value.messages) {
          feed(this.#ordered, Buffer.from(`${id} ${pairs.length}`))
          for (const it of pairs) feed(this.#ordered, it)
        }
        return
      case 'hash':
        for (let at = 0; at < value.pairs.length; at += 2)
          this.#unordered.push(element(value.pairs[at]!, value.pairs[at + 1]!))
        return
      case 'set':
        for (const it of value.members) this.#unordered.push(element(it))
        return
      case 'zset':
        value.members.forEach((it, index) => {
          const score = value.scores[index]!
          this.#unordered.push(element(it, Buffer.from(Object.is(score, -0) ? '-0' : String(score))))
        })
    }
  }
}

/** The digests of the keys that some pages hold, by the key's bytes as latin1. A collection that begins anew voids what came before. */
export async function digests(
  pages: AsyncIterable<{ readonly entries: readonly Entry[] }>,
): Promise<ReadonlyMap<string, Buffer | undefined>> {
  const found = new Map<string, Buffer | undefined>()
  let open: { readonly name: string; readonly digest: EntryDigest } | undefined
  for await (const { entries } of pages) {
    for (const entry of entries) {
      const name = entry.key.toString('latin1')
      if (entry.offset === 0 || open?.name !== name) open = { name, digest: new EntryDigest(entry) }
      open.digest.add(entry)
      if (entry.more) continue
      found.set(name, open.digest.finish())
      open = undefined
    }
  }
  return found
}

// With its length, so that no two sequences of pieces look alike.
function feed(hash: Hash, bytes: Buffer): void {
  hash.update(`${bytes.length}:`).update(bytes)
}

function element(...pieces: readonly Buffer[]): Buffer {
  const hash = createHash('sha256')
  for (const it of pieces) feed(hash, it)
  return hash.digest()
}
