import { ENTRY_TYPES, type EntryType, type Mapping } from '../plan/plan.ts'
import { fieldsRead } from './fields-read.ts'

/** Types of entries that a mapping can read. Where it names none, what it looks at decides. */
export function acceptedTypes(mapping: Mapping): readonly EntryType[] {
  const { type, each, chunks, decode, decodeFields } = mapping
  if (type) return [type]
  if (each && each.kind !== 'path') return EACH_TYPES[each.kind]
  if (decodeFields) return ['hash']
  if (decode.length > 0 || chunks) return ['string']
  const { uses } = fieldsRead(mapping)
  if (each || uses === 'fields') return ['hash']
  return uses === 'value' ? ['string'] : ENTRY_TYPES
}

/** The one type it reads; undefined where there are several. */
export function acceptedType(mapping: Mapping): EntryType | undefined {
  const [only, ...others] = acceptedTypes(mapping)
  return others.length === 0 ? only : undefined
}

const EACH_TYPES = {
  field: ['hash'],
  item: ['list'],
  member: ['set', 'zset'],
  message: ['stream'],
} as const satisfies Readonly<Record<string, readonly EntryType[]>>
