/** The CRC-64 that Redis writes at the end of a backup (Jones, reflected, no inversion), over bytes in pieces. */
export class Crc64 {
  // The register in two halves, for numbers are exact to 32 bits under bit operations.
  #low = 0
  #high = 0

  update(bytes: Uint8Array, start: number, end: number): void {
    let low = this.#low
    let high = this.#high
    let at = start
    // Eight bytes a step, each looked up in the table for its distance from the end of the eight.
    for (; at + 8 <= end; at += 8) {
      low ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
      high ^= bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)
      const a = 1792 | (low & 255)
      const b = 1536 | ((low >>> 8) & 255)
      const c = 1280 | ((low >>> 16) & 255)
      const d = 1024 | (low >>> 24)
      const e = 768 | (high & 255)
      const f = 512 | ((high >>> 8) & 255)
      const g = 256 | ((high >>> 16) & 255)
      const h = high >>> 24
      low = LOW[a]! ^ LOW[b]! ^ LOW[c]! ^ LOW[d]! ^ LOW[e]! ^ LOW[f]! ^ LOW[g]! ^ LOW[h]!
      high = HIGH[a]! ^ HIGH[b]! ^ HIGH[c]! ^ HIGH[d]! ^ HIGH[e]! ^ HIGH[f]! ^ HIGH[g]! ^ HIGH[h]!
    }
    for (; at < end; at++) {
      const index = (low ^ bytes[at]!) & 255
      low = ((low >>> 8) | (high << 24)) ^ LOW[index]!
      high = (high >>> 8) ^ HIGH[index]!
    }
    this.#low = low
    this.#high = high
  }

  /** Whether these eight bytes are the sum so far, little end first. */
  matches(bytes: Buffer): boolean {
    return bytes.readInt32LE(0) === (this.#low | 0) && bytes.readInt32LE(4) === (this.#high | 0)
  }
}

// The polynomial 0xad93d23594c935a9 with its bits in reverse order, in two halves.
const POLYNOMIAL_LOW = 0xac4bc9b5 | 0
const POLYNOMIAL_HIGH = 0x95ac9329 | 0
/** What a byte comes to, for each distance (0 to 7) from the end of eight bytes: 256 numbers each. */
const LOW = new Int32Array(8 * 256)
const HIGH = new Int32Array(8 * 256)

for (let byte = 0; byte < 256; byte++) {
  let low = byte
  let high = 0
  for (let bit = 0; bit < 8; bit++) {
    const carry = low & 1
    low = (low >>> 1) | (high << 31)
    high >>>= 1
    if (carry) {
      low ^= POLYNOMIAL_LOW
      high ^= POLYNOMIAL_HIGH
    }
  }
  LOW[byte] = low
  HIGH[byte] = high
}
for (let index = 256; index < LOW.length; index++) {
  const low = LOW[index - 256]!
  const high = HIGH[index - 256]!
  LOW[index] = ((low >>> 8) | (high << 24)) ^ LOW[low & 255]!
  HIGH[index] = (high >>> 8) ^ HIGH[low & 255]!
}
