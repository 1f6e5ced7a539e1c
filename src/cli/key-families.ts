import { KeyShapes } from '../checks/key-shapes.ts'
import { printable } from '../printable.ts'
import { bytesOf } from '../sources/part.ts'
import type { Entry } from '../sources/source.ts'
import { type Holding, holdingOf, tellHoldings } from './holds.ts'

/** Keys of one type that look alike. */
export interface KeyFamily {
  readonly pattern: string
  readonly type: string
  readonly keys: number
  /** What is in them: `json {id, from, to}`, `12 fields`; names and counts, no values. */
  readonly holds: string
  readonly bytes: number
  readonly expiring: number
  readonly sample: string
}

interface Seen {
  readonly key: Buffer
  bytes: number
  readonly expires: boolean
  readonly holding: Holding
}

/** Sorts sampled keys into families by the shape of the key and the type. */
export class KeyFamilies {
  readonly #byType = new Map<string, Map<string, Seen>>()
  keys = 0

  add(entry: Entry): void {
    const seen = this.#byType.get(entry.type) ?? new Map<string, Seen>()
    this.#byType.set(entry.type, seen)
    const name = entry.key.toString('latin1')
    const size = entry.value ? bytesOf(entry.value) : 0
    const known = seen.get(name)
    // A later part of a big collection, or a key that the scan gives twice.
    if (known) {
      if (entry.offset > 0) known.bytes += size
      return
    }
    this.keys += 1
    seen.set(name, {
      key: entry.key,
      bytes: size,
      expires: entry.expiresAt !== null,
      holding: holdingOf(entry),
    })
  }

  /** Most keys first. */
  list(): readonly KeyFamily[] {
    // One set of shapes for all types: what is an id in the hashes is one in the strings beside them.
    const shapes = new KeyShapes()
    for (const seen of this.#byType.values()) for (const { key } of seen.values()) shapes.add(key)
    const patterns = shapes
      .list()
      .map((it) => it.pattern.split(':'))
      .sort((a, b) => captures(a) - captures(b))
    return [...this.#byType]
      .flatMap(([type, seen]) => families(type, [...seen.values()], patterns))
      .sort((a, b) => b.keys - a.keys || (a.pattern < b.pattern ? -1 : 1))
  }
}

// The most literal pattern that fits has the key.
function families(
  type: string,
  seen: readonly Seen[],
  patterns: readonly (readonly string[])[],
): readonly KeyFamily[] {
  const members = new Map<string, Seen[]>()
  for (const it of seen) {
    const words = printableWords(it.key)
    const pattern = (patterns.find((parts) => fits(parts, words)) ?? words).join(':')
    members.set(pattern, [...(members.get(pattern) ?? []), it])
  }
  return [...members].map(([pattern, own]) => ({
    pattern,
    type,
    keys: own.length,
    holds: tellHoldings(own.map((it) => it.holding)),
    bytes: own.reduce((sum, it) => sum + it.bytes, 0),
    expiring: own.filter((it) => it.expires).length,
    sample: printable(own[0]!.key),
  }))
}

const ID = '{…}'

const captures = (parts: readonly string[]): number => parts.filter((it) => it === ID).length

const fits = (parts: readonly string[], words: readonly string[]): boolean =>
  parts.length === words.length && parts.every((part, index) => part === ID || part === words[index])

const printableWords = (key: Buffer): readonly string[] =>
  key
    .toString('utf8')
    .split(':')
    .map((it) => printable(it))
