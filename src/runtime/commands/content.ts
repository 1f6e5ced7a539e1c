import type { EntryValue } from '../../sources/source.ts'

/** What a key holds, or those of its elements that a command is about; undefined: there is no such key, or none of the elements. */
export interface Content {
  readonly value: EntryValue
  /** Milliseconds since 1970; null: never. */
  readonly expiresAt: number | null
}

export type Held = Content | undefined

/** What Redis would say to a command. */
export class CommandError extends Error {}

export const wrongType = (): CommandError =>
  new CommandError('WRONGTYPE Operation against a key holding the wrong kind of value')
export const syntax = (): CommandError => new CommandError('ERR syntax error')
export const wrongCount = (): CommandError => new CommandError('ERR wrong number of arguments')

/** Bytes as text of which each letter is one byte: names in maps. */
export const text = (it: Buffer | undefined): string => it?.toString('latin1') ?? ''
export const bytes = (name: string): Buffer => Buffer.from(name, 'latin1')

export function bytesOf(held: Held): Buffer | undefined {
  if (!held) return undefined
  if (held.value.type !== 'string') throw wrongType()
  return held.value.bytes
}

export const string = (value: Buffer, expiresAt: number | null): Content => ({
  value: { type: 'string', bytes: value },
  expiresAt,
})

/** The fields of a hash, in their order. */
export function fieldsOf(held: Held): Map<string, Buffer> {
  const fields = new Map<string, Buffer>()
  if (!held) return fields
  if (held.value.type !== 'hash') throw wrongType()
  const { pairs } = held.value
  for (let at = 0; at < pairs.length; at += 2) fields.set(text(pairs[at]), pairs[at + 1]!)
  return fields
}

export const hash = (fields: ReadonlyMap<string, Buffer>, before: Held): Held =>
  fields.size === 0
    ? undefined
    : {
        value: { type: 'hash', pairs: [...fields].flatMap(([name, value]) => [bytes(name), value]) },
        expiresAt: before?.expiresAt ?? null,
      }

export function itemsOf(held: Held): readonly Buffer[] {
  if (!held) return []
  if (held.value.type !== 'list') throw wrongType()
  return held.value.items
}

export const list = (items: readonly Buffer[], before: Held): Held =>
  items.length === 0 ? undefined : { value: { type: 'list', items }, expiresAt: before?.expiresAt ?? null }

export function membersOf(held: Held): Set<string> {
  if (!held) return new Set()
  if (held.value.type !== 'set') throw wrongType()
  return new Set(held.value.members.map(text))
}

export const set = (members: ReadonlySet<string>, before: Held): Held =>
  members.size === 0
    ? undefined
    : {
        value: { type: 'set', members: [...members].map(bytes) },
        expiresAt: before?.expiresAt ?? null,
      }

export function scoresOf(held: Held): Map<string, number> {
  const scores = new Map<string, number>()
  if (!held) return scores
  if (held.value.type !== 'zset') throw wrongType()
  for (const [index, member] of held.value.members.entries())
    scores.set(text(member), held.value.scores[index]!)
  return scores
}

export function zset(scores: ReadonlyMap<string, number>, before: Held): Held {
  if (scores.size === 0) return undefined
  return {
    value: { type: 'zset', members: [...scores.keys()].map(bytes), scores: [...scores.values()] },
    expiresAt: before?.expiresAt ?? null,
  }
}

/** Members by score, and by their bytes where scores are the same. */
export const inOrder = (scores: ReadonlyMap<string, number>): readonly (readonly [string, number])[] =>
  [...scores].sort(([a, one], [b, other]) => one - other || (a < b ? -1 : a > b ? 1 : 0))

export function integer(it: Buffer | undefined): bigint {
  const written = text(it)
  if (!/^(0|-?[1-9]\d{0,18})$/.test(written))
    throw new CommandError('ERR value is not an integer or out of range')
  return BigInt(written)
}

export const count = (it: Buffer | undefined): number => Number(integer(it))

export function float(it: Buffer | undefined): number {
  const written = text(it)
  if (/^[+-]?inf(inity)?$/i.test(written)) return written.startsWith('-') ? -Infinity : Infinity
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(written))
    throw new CommandError('ERR value is not a valid float')
  return Number(written)
}

export const scoreText = (score: number): string =>
  score === Infinity ? 'inf' : score === -Infinity ? '-inf' : String(score)

/** The place of an index that may count from the end. */
export const placeOf = (index: number, length: number): number => (index < 0 ? length + index : index)

/** What lies between two indexes, both included, that may count from the end. */
export function slice<T>(items: readonly T[], from: number, to: number): readonly T[] {
  const first = Math.max(0, placeOf(from, items.length))
  return items.slice(first, Math.max(first, placeOf(to, items.length) + 1))
}

export const unique = (names: readonly Buffer[]): readonly Buffer[] => [
  ...new Map(names.map((it) => [text(it), it])).values(),
]
export const evens = (args: readonly Buffer[]): readonly Buffer[] => args.filter((_, at) => at % 2 === 0)
export const odds = (args: readonly Buffer[]): readonly Buffer[] => args.filter((_, at) => at % 2 === 1)

/** `name, value, name, value`; a name given twice has the last of its values. */
export function pairsOf(args: readonly Buffer[]): ReadonlyMap<string, Buffer> {
  if (args.length === 0 || args.length % 2 !== 0) throw wrongCount()
  const pairs = new Map<string, Buffer>()
  for (let at = 0; at < args.length; at += 2) pairs.set(text(args[at]), args[at + 1]!)
  return pairs
}
