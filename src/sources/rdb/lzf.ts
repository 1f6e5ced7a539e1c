/**
 * Undoes LZF, as Redis writes it: `from[start, end)` becomes exactly the bytes of `into`. Answers whether it did; nothing is read or
 * written outside of the two ranges, whatever the bytes are.
 */
export function lzfDecompress(from: Uint8Array, start: number, end: number, into: Uint8Array): boolean {
  const size = into.length
  let at = start
  let out = 0
  while (at < end) {
    const control = from[at++]!
    if (control < 32) {
      // So many bytes and one as they are.
      const length = control + 1
      if (at + length > end || out + length > size) return false
      copy(from, at, into, out, length)
      at += length
      out += length
    } else {
      let length = (control >> 5) + 2
      if (length === 9) {
        if (at >= end) return false
        length += from[at++]!
      }
      if (at >= end) return false
      const back = out - ((control & 31) << 8) - from[at++]! - 1
      if (back < 0 || out + length > size) return false
      copy(into, back, into, out, length)
      out += length
    }
  }
  return out === size
}

/** At best, three bytes stand for 264. */
export const LZF_MOST = 88

// Front to back and byte by byte, for the ranges may overlap and mean it; four a turn, which is half again as fast on short runs.
function copy(from: Uint8Array, start: number, into: Uint8Array, at: number, length: number): void {
  let read = start
  let write = at
  let left = length
  for (; left >= 4; left -= 4) {
    into[write] = from[read]!
    into[write + 1] = from[read + 1]!
    into[write + 2] = from[read + 2]!
    into[write + 3] = from[read + 3]!
    read += 4
    write += 4
  }
  for (; left > 0; left--) into[write++] = from[read++]!
}
