import { SourceError } from '../errors.ts'
import { printable } from '../printable.ts'
import type { Source } from './source.ts'

/** Where a store keeps the number that was given out last. */
export interface CounterPlace {
  readonly key: string
  /** Of a hash; else the key holds a string. */
  readonly field?: string
}

/**
 * What a counter stands at; undefined where there is none. `now`: milliseconds since 1970, what expired before is gone. Throws COUNTER
 * where the key holds something else than a whole number of 64 bits.
 */
export async function readCounter(
  source: Source,
  { key, field }: CounterPlace,
  now: number,
): Promise<bigint | undefined> {
  let found: Buffer | undefined
  for await (const { entries } of source.read([Buffer.from(key)])) {
    for (const { value, type, expiresAt } of entries) {
      if (expiresAt !== null && expiresAt <= now) return undefined
      const expected = field === undefined ? 'string' : 'hash'
      if (value?.type !== expected) throw noCounter(source, { key }, `a ${type}, not a ${expected}`)
      if (value.type === 'string') found = value.bytes
      if (value.type === 'hash')
        for (let at = 0; at < value.pairs.length; at += 2)
          if (value.pairs[at]!.equals(Buffer.from(field!))) found = value.pairs[at + 1]
    }
  }
  if (found === undefined) return undefined
  const text = found.toString('latin1')
  if (!/^(?:0|-?[1-9]\d{0,18})$/.test(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text))
    throw noCounter(source, { key, ...(field !== undefined && { field }) }, 'no whole number of 64 bits')
  return BigInt(text)
}

const noCounter = ({ label }: Source, { key, field }: CounterPlace, found: string): SourceError =>
  new SourceError(
    'COUNTER',
    `${label}: ${printable(Buffer.from(key))}${field === undefined ? '' : ` ${printable(Buffer.from(field))}`} is to set a sequence, and it holds ${found}.`,
    { hint: 'Name the key under sequences: that the application counts with (INCR, HINCRBY).' },
  )
