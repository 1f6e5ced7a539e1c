import type { Entry, EntryValue } from '../sources/source.ts'

/** Records that the application has deleted since: `has(key, '')` of a whole entry, `has(key, 'field:name')` or `'member:x'` of one element. */
export interface Deleted {
  readonly size: number
  has(key: Buffer, part: string): boolean
}

export const deletedOf = (places: readonly { readonly key: Buffer; readonly part: string }[]): Deleted => {
  const names = new Set(places.map(({ key, part }) => nameOf(key, part)))
  return { size: names.size, has: (key, part) => names.has(nameOf(key, part)) }
}

const nameOf = (key: Buffer, part: string): string => `${key.toString('latin1')}\0${part}`

/** An entry, given as its parts, without what was deleted; undefined where nothing of it is left. */
export function withoutDeleted(parts: readonly Entry[], deleted: Deleted): readonly Entry[] | undefined {
  const { key } = parts[0]!
  if (deleted.has(key, '')) return undefined
  const left = parts.map((it) => (it.value ? { ...it, value: strip(it.value, key, deleted) } : it))
  const isUntouched = left.every((it, index) => it.value === parts[index]!.value)
  if (isUntouched) return parts
  return left.some((it) => it.value && sizeOf(it.value) > 0) ? left : undefined
}

function strip(value: EntryValue, key: Buffer, deleted: Deleted): EntryValue {
  const stays = (kind: 'field' | 'member') => (it: Buffer) => !deleted.has(key, `${kind}:${it.toString()}`)
  if (value.type === 'hash') {
    const kept = value.pairs.map((it, index) => index % 2 === 1 || stays('field')(it))
    if (kept.every(Boolean)) return value
    const isKept = (field: number) => kept[2 * field]!
    return {
      ...value,
      pairs: value.pairs.filter((_, index) => isKept(index >> 1)),
      ...(value.expiries ? { expiries: value.expiries.filter((_, index) => isKept(index)) } : {}),
    }
  }
  if (value.type !== 'set' && value.type !== 'zset') return value
  const kept = value.members.map(stays('member'))
  if (kept.every(Boolean)) return value
  const members = value.members.filter((_, index) => kept[index])
  return value.type === 'set'
    ? { ...value, members }
    : { ...value, members, scores: value.scores.filter((_, index) => kept[index]) }
}

const sizeOf = (value: EntryValue): number =>
  value.type === 'hash'
    ? value.pairs.length
    : value.type === 'set' || value.type === 'zset'
      ? value.members.length
      : 1
