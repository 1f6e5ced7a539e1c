/**
 * Undoes LZF, as Redis writes it: `from[start, end)` becomes exactly the bytes of `into`. Answers whether it did; nothing is read or
 * written outside of the two ranges, whatever the bytes are.
 */
export function lzfDecompress(from: Uint8Array, start: number, end: number, into: Uint8Array): boolean {
  const size = into.length
  if (packed.buffer !== from.buffer) packed = new DataView(from.buffer)
  if (unpacked.buffer !== into.buffer) unpacked = new DataView(into.buffer)
  const [reads, writes] = [packed, unpacked]
  const base = into.byteOffset
  // Words may be written so far over the end of a run, where the next one begins.
  const lastWord = size - WORD + 1
  let at = start
  let out = 0
  while (at < end) {
    const control = from[at++]!
    if (control < 32) {
      // So many bytes and one as they are.
      const length = control + 1
      const stop = out + length
      const next = at + length
      if (next > end || stop > size) return false
      if (stop <= lastWord && next <= end - WORD + 1) {
        let read = from.byteOffset + at
        for (let write = base + out; write < base + stop; write += WORD, read += WORD)
          writes.setInt32(write, reads.getInt32(read, true), true)
      } else for (let read = at, write = out; write < stop; ) into[write++] = from[read++]!
      at = next
      out = stop
    } else {
      let length = (control >> 5) + 2
      if (length === 9) {
        if (at >= end) return false
        length += from[at++]!
      }
      if (at >= end) return false
      const distance = ((control & 31) << 8) + from[at++]! + 1
      const stop = out + length
      if (distance > out || stop > size) return false
      if (distance >= WORD && stop <= lastWord) {
        let read = base + out - distance
        for (let write = base + out; write < base + stop; write += WORD, read += WORD)
          writes.setInt32(write, writes.getInt32(read, true), true)
      } else {
        // Front to back and byte by byte, for the ranges may overlap and mean it.
        for (let read = out - distance, write = out; write < stop; ) into[write++] = into[read++]!
      }
      out = stop
    }
  }
  return out === size
}

/** At best, three bytes stand for 264. */
export const LZF_MOST = 88

/** Bytes that are copied at once. */
const WORD = 4

/** Of the memory that was looked at last: values lie beside each other in few pieces of it. */
let packed: DataView = new DataView(new ArrayBuffer(0))
let unpacked = packed
