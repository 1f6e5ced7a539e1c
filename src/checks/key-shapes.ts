import { printable } from '../printable.ts'

/** Different words at one place of a key before they count as an id. */
const MOST_WORDS = 24

/**
 * Groups keys by shape, for people who have to write a rule for them: `session:{…}`, `user:{…}:prefs`. A place of the key where many
 * different words were seen is an id. Memory does not grow with the number of keys.
 */
export class KeyShapes {
  readonly #root = new Shape()

  add(key: Buffer): void {
    const segments = key.toString('utf8').split(':')
    let shape = this.#root
    for (const segment of segments) shape = shape.child(looksLikeId(segment) ? undefined : segment)
    shape.keys += 1
    shape.sample ??= printable(key)
  }

  /** The shapes, those with most keys first. */
  list(): readonly { readonly pattern: string; readonly keys: number; readonly sample: string }[] {
    return this.#root.list('').sort((a, b) => b.keys - a.keys || (a.pattern < b.pattern ? -1 : 1))
  }
}

class Shape {
  keys = 0
  sample: string | undefined
  readonly #words = new Map<string, Shape>()
  #any: Shape | undefined

  /** What follows a word; undefined: an id. Too many words in one place are ids after all. */
  child(word: string | undefined): Shape {
    if (word === undefined || (this.#any?.isLarge && !this.#words.has(word))) return this.#others()
    const known = this.#words.get(word)
    if (known) return known
    if (this.#words.size >= MOST_WORDS) {
      const others = this.#others()
      others.isLarge = true
      for (const shape of this.#words.values()) others.absorb(shape)
      this.#words.clear()
      return others
    }
    const made = new Shape()
    this.#words.set(word, made)
    return made
  }

  isLarge = false

  absorb(other: Shape): void {
    this.keys += other.keys
    this.sample ??= other.sample
    for (const [word, shape] of other.#words) this.child(word).absorb(shape)
    if (other.#any) this.#others().absorb(other.#any)
  }

  list(prefix: string): { pattern: string; keys: number; sample: string }[] {
    const own = this.keys > 0 ? [{ pattern: prefix, keys: this.keys, sample: this.sample ?? '' }] : []
    const join = (word: string) => (prefix === '' ? word : `${prefix}:${word}`)
    return [
      ...own,
      ...[...this.#words].flatMap(([word, shape]) => shape.list(join(printable(word)))),
      ...(this.#any ? this.#any.list(join('{…}')) : []),
    ]
  }

  #others(): Shape {
    this.#any ??= new Shape()
    return this.#any
  }
}

// Numbers, UUIDs, hexadecimal digests, addresses, and anything long: nobody names a kind of key like that.
const looksLikeId = (segment: string): boolean =>
  /^\d+$/.test(segment) || /^[0-9a-f-]{16,}$/i.test(segment) || segment.includes('@') || segment.length > 40
