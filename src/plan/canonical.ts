import { createHash } from 'node:crypto'

/**
 * One text for one meaning: JSON with sorted keys. Maps and bytes become objects of their own kind, `undefined` is left out, and a list stays in order.
 */
export function canonical(value: unknown): string {
  return JSON.stringify(sorted(value))
}

/** The beginning (32 digits) of the SHA-256 of a value's canonical text. */
export const digestOf = (value: unknown): string =>
  createHash('sha256').update(canonical(value)).digest('hex').slice(0, 32)

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') }
  if (value instanceof Map) return { map: [...value].map(([key, it]) => [key, sorted(it)]).sort(byKey) }
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).filter(([, it]) => it !== undefined)
  return Object.fromEntries(entries.map(([key, it]) => [key, sorted(it)] as const).sort(byKey))
}

const byKey = ([a]: readonly unknown[], [b]: readonly unknown[]): number => (String(a) < String(b) ? -1 : 1)
