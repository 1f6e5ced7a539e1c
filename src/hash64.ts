import { randomBytes } from 'node:crypto'

/** What `hash64` found: two halves, unsigned. One array for all, so that nothing is allocated for a hash. */
export const HASH = new Uint32Array(2)

const SEED = randomBytes(16)
const SEEDS = [0, 4, 8, 12].map((at) => SEED.readInt32LE(at)) as [number, number, number, number]

/** Of the memory that was looked at last: what is hashed lies in few, large pieces of it. */
let view: DataView = new DataView(new ArrayBuffer(0))

/**
 * Hashes what lies between these places into `HASH`. It begins elsewhere in every process, so nobody can make bytes up that look alike;
 * nothing of it is kept beyond the process.
 */
export function hash64(bytes: Buffer, start: number, end: number): void {
  if (view.buffer !== bytes.buffer) view = new DataView(bytes.buffer)
  const words = view
  let [a, b, c, d] = SEEDS
  let at = bytes.byteOffset + start
  const last = bytes.byteOffset + end
  // Words of four bytes, two at a time into two lanes of 32 bits, and the next two into two more: each changes 64 bits of what is kept.
  for (; at + 16 <= last; at += 16) {
    const one = words.getInt32(at, true)
    const two = words.getInt32(at + 4, true)
    const three = words.getInt32(at + 8, true)
    const four = words.getInt32(at + 12, true)
    a = (rotated(Math.imul(a ^ one, PRIME_1), 13) + two) | 0
    b = rotated(Math.imul(b + two, PRIME_2), 15) ^ one
    c = (rotated(Math.imul(c ^ three, PRIME_1), 13) + four) | 0
    d = rotated(Math.imul(d + four, PRIME_2), 15) ^ three
  }
  for (; at < last; at++) {
    const byte = words.getUint8(at)
    a = rotated(Math.imul(a ^ byte, PRIME_1), 13)
    b = rotated(Math.imul(b + byte, PRIME_2), 15)
  }
  const length = end - start
  HASH[0] = finished(Math.imul(a ^ length, PRIME_1) ^ finished(c))
  HASH[1] = finished(Math.imul(b + length, PRIME_2) ^ finished(d + PRIME_3))
}

const PRIME_1 = 0x9e3779b1 | 0
const PRIME_2 = 0x85ebca77 | 0
const PRIME_3 = 0xc2b2ae3d | 0

const rotated = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

function finished(value: number): number {
  let it = value | 0
  it = Math.imul(it ^ (it >>> 15), PRIME_2)
  it = Math.imul(it ^ (it >>> 13), PRIME_3)
  return (it ^ (it >>> 16)) >>> 0
}
