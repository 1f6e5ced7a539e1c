import type { EntryValue } from '../source.ts'
import type { ByteFile } from './byte-file.ts'
import type { Encoding } from './encodings.ts'
import { type Complain, listpack } from './listpack.ts'
import { readLength, readString, readWide, skipString } from './primitives.ts'

/**
 * How the expiry of a field is written where a hash comes field by field: before the field, in milliseconds since 1970 (release
 * candidates of Redis 7.4) or, plus one, since the earliest of the hash, 0 for none; or after its value, -1 for none (Valkey 9).
 * From RDB_TYPE_HASH_METADATA in src/rdb.c of redis/redis 7.4 and RDB_TYPE_HASH_2 in that of valkey-io/valkey 9.0.
 */
type Form = 'absolute' | 'relative' | 'valkey'

/** A hash whose fields may have an expiry each, field by field. */
export function expiring(form: Form): Encoding {
  return {
    type: 'hash',
    *pieces(file) {
      const earliest = form === 'relative' ? readEarliest(file) : 0n
      for (let left = readLength(file); left > 0; ) {
        const pairs: Buffer[] = []
        const expiries: (number | null)[] = []
        for (; left > 0 && expiries.length < PIECE; left--) {
          const at = file.position
          const before = form === 'valkey' ? 0n : readWide(file)
          pairs.push(readString(file), readString(file))
          const expiry = form === 'valkey' ? valkeyExpiry(file) : before === 0n ? null : before
          const since = form === 'relative' ? earliest - 1n : 0n
          expiries.push(expiry === null ? null : plausible(since + expiry, (what) => file.damaged(what, at)))
        }
        yield { type: 'hash', pairs, expiries }
      }
    },
    skip(file) {
      if (form === 'relative') file.skip(8)
      for (let left = readLength(file); left > 0; left--) {
        if (form !== 'valkey') readWide(file)
        skipString(file)
        skipString(file)
        if (form === 'valkey') file.skip(8)
      }
    },
  }
}

/** The same in one listpack of field, value and expiry, 0 for none. `hasEarliest`: the earliest expiry stands before it. */
export function expiringPacked({ hasEarliest }: { readonly hasEarliest: boolean }): Encoding {
  return {
    type: 'hash',
    *pieces(file) {
      if (hasEarliest) readEarliest(file)
      const at = file.position
      const complain: Complain = (what) => file.damaged(what, at)
      yield tripled(listpack(readString(file), complain), complain)
    },
    skip(file) {
      if (hasEarliest) file.skip(8)
      skipString(file)
    },
  }
}

/** Fields a piece. */
const PIECE = 1000
/** 2^48 - 1, the latest that Redis takes (EB_EXPIRE_TIME_MAX). */
const LATEST = 0xffff_ffff_ffffn

function tripled(items: readonly Buffer[], complain: Complain): EntryValue {
  if (items.length % 3 !== 0) throw complain('a hash with a field that has no value or no expiry')
  const pairs: Buffer[] = []
  const expiries: (number | null)[] = []
  for (let at = 0; at < items.length; at += 3) {
    pairs.push(items[at]!, items[at + 1]!)
    const written = items[at + 2]!.toString('latin1')
    if (!/^\d{1,20}$/.test(written)) throw complain('an expiry of a field that is no time')
    expiries.push(written === '0' ? null : plausible(BigInt(written), complain))
  }
  return { type: 'hash', pairs, expiries }
}

const readEarliest = (file: ByteFile): bigint => file.bytes(8).readBigInt64LE(0)

function valkeyExpiry(file: ByteFile): bigint | null {
  const expiry = file.bytes(8).readBigInt64LE(0)
  return expiry === -1n ? null : expiry
}

function plausible(expiry: bigint, complain: Complain): number {
  if (expiry < 0n || expiry > LATEST) throw complain('an expiry of a field that is no time')
  return Number(expiry)
}
