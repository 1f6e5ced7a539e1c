import { randomBytes } from 'node:crypto'

/**
 * What `hashRow` found: the two halves of the row's hash, and the lower half of its key's, unsigned. One array for all, so that nothing is
 * allocated for a row.
 */
export const ROW_HASH = new Uint32Array(3)

/**
 * Hashes the row that begins at `start` (a tuple of `TupleWriter`) into `ROW_HASH`, exactly as Postgres does by `rowHash`: 64 bits of each
 * field, added to 31 times those of the fields before it, and that mixed once more: sums of sums would not notice values that changed
 * places between two rows. `keyIndexes`: places of the key's fields, ascending. It begins elsewhere in every process, so nobody can make
 * rows up that look alike.
 *
 * The functions: hash_bytes_extended and hash_bytes_uint32_extended of Postgres's src/common/hashfn.c, hash_record_extended of its
 * src/backend/utils/adt/rowtypes.c.
 */
export function hashRow(bytes: Buffer, start: number, keyIndexes: readonly number[]): void {
  if (view.buffer !== bytes.buffer) view = new DataView(bytes.buffer)
  const fields = (bytes[start]! << 8) | bytes[start + 1]!
  let at = bytes.byteOffset + start + 2
  let [high, low, keyLow, nextKey] = [0, 0, 0, 0]
  for (let index = 0; index < fields; index++) {
    const length = view.getInt32(at)
    at += 4
    // NULL counts as nothing.
    if (length < 0) HALVES[0] = HALVES[1] = 0
    else hashBytes(at, length)
    const sum = low * 31 + HALVES[1]!
    low = sum >>> 0
    high = (Math.imul(high, 31) + HALVES[0]! + Math.floor(sum / 2 ** 32)) | 0
    if (index === keyIndexes[nextKey]) {
      keyLow = (Math.imul(keyLow, 31) + HALVES[1]!) | 0
      nextKey++
    }
    if (length > 0) at += length
  }
  hashInteger(LAST, high, low)
  ROW_HASH[0] = HALVES[0]!
  ROW_HASH[1] = HALVES[1]!
  ROW_HASH[2] = keyLow
}

/** SQL for the same (bigint), of values as `sentValues` gives them; of keys it is mixed no further, and has the lower half in its lower bits. */
export const rowHash = (values: readonly string[]): string => `hashint4extended(${LAST}, ${keyHash(values)})`
export const keyHash = (values: readonly string[]): string =>
  `hash_record_extended(ROW(${values.join(', ')}), ${SEED})`

/** Postgres has these functions since version 14. */
export const ROW_HASH_SINCE = 140_000

const RANDOM = randomBytes(12)
// Zero would mean: without a seed.
const SEED_HIGH = RANDOM.readInt32LE(0) | 1
const SEED_LOW = RANDOM.readInt32LE(4)
const LAST = RANDOM.readInt32LE(8)
const SEED = `'${(BigInt(SEED_HIGH) << 32n) | BigInt(SEED_LOW >>> 0)}'::bigint`

/** Of the memory that was looked at last: what is hashed lies in few, large pieces of it. */
let view: DataView = new DataView(new ArrayBuffer(0))
const HALVES = new Uint32Array(2)

/** hash_bytes_extended of what lies at a place of `view`. */
function hashBytes(from: number, length: number): void {
  const words = view
  let a = (START + length) | 0
  let b = a
  let c = a
  a = (a + SEED_HIGH) | 0
  b = (b + SEED_LOW) | 0
  let at = from
  // What is mixed first is the seed; then, in the same turn of the loop, twelve bytes after twelve.
  for (const last = from + length; ; at += 12) {
    a = (a - c) ^ rotated(c, 4)
    c = (c + b) | 0
    b = (b - a) ^ rotated(a, 6)
    a = (a + c) | 0
    c = (c - b) ^ rotated(b, 8)
    b = (b + a) | 0
    a = (a - c) ^ rotated(c, 16)
    c = (c + b) | 0
    b = (b - a) ^ rotated(a, 19)
    a = (a + c) | 0
    c = (c - b) ^ rotated(b, 4)
    b = (b + a) | 0
    if (at + 12 > last) break
    a = (a + words.getInt32(at, true)) | 0
    b = (b + words.getInt32(at + 4, true)) | 0
    c = (c + words.getInt32(at + 8, true)) | 0
  }
  const left = from + length - at
  // The lowest byte of `c` stands for the length.
  for (let place = 8; place < left; place++) c = (c + (words.getUint8(at + place) << (8 * (place - 7)))) | 0
  if (left >= 8) b = (b + words.getInt32(at + 4, true)) | 0
  else
    for (let place = 4; place < left; place++) b = (b + (words.getUint8(at + place) << (8 * (place - 4)))) | 0
  if (left >= 4) a = (a + words.getInt32(at, true)) | 0
  else for (let place = 0; place < left; place++) a = (a + (words.getUint8(at + place) << (8 * place))) | 0
  finish(a, b, c)
}

/** hash_bytes_uint32_extended, with a seed of two halves. */
function hashInteger(value: number, high: number, low: number): void {
  let a = (START + 4) | 0
  let b = a
  let c = a
  if ((high | low) !== 0) {
    a = (a + high) | 0
    b = (b + low) | 0
    a = (a - c) ^ rotated(c, 4)
    c = (c + b) | 0
    b = (b - a) ^ rotated(a, 6)
    a = (a + c) | 0
    c = (c - b) ^ rotated(b, 8)
    b = (b + a) | 0
    a = (a - c) ^ rotated(c, 16)
    c = (c + b) | 0
    b = (b - a) ^ rotated(a, 19)
    a = (a + c) | 0
    c = (c - b) ^ rotated(b, 4)
    b = (b + a) | 0
  }
  finish((a + value) | 0, b, c)
}

/** The function's `final`. */
function finish(first: number, second: number, third: number): void {
  let [a, b, c] = [first, second, third]
  c = ((c ^ b) - rotated(b, 14)) | 0
  a = ((a ^ c) - rotated(c, 11)) | 0
  b = ((b ^ a) - rotated(a, 25)) | 0
  c = ((c ^ b) - rotated(b, 16)) | 0
  a = ((a ^ c) - rotated(c, 4)) | 0
  b = ((b ^ a) - rotated(a, 14)) | 0
  c = ((c ^ b) - rotated(b, 24)) | 0
  HALVES[0] = b
  HALVES[1] = c
}

const START = (0x9e3779b9 + 3923095) | 0

const rotated = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))
