/**
 * The data of a binary COPY, header and trailer included, in parts of at most a megabyte. `tuples` hold one row or several each; large
 * ones are passed on as they are, small ones are gathered.
 */
export function* copyFrames(tuples: Iterable<Buffer>): Generator<Buffer> {
  let frame = Buffer.allocUnsafe(GATHERED_BYTES)
  let used = HEADER.copy(frame)
  for (const tuple of tuples) {
    if (used + tuple.length > GATHERED_BYTES) {
      if (used > 0) yield frame.subarray(0, used)
      // The frame before may still be waiting in the socket: it cannot be written to again.
      frame = Buffer.allocUnsafe(GATHERED_BYTES)
      used = 0
      if (tuple.length > GATHERED_BYTES / 2) {
        for (let at = 0; at < tuple.length; at += MOST_BYTES) yield tuple.subarray(at, at + MOST_BYTES)
        continue
      }
    }
    used += tuple.copy(frame, used)
  }
  if (used > 0) yield frame.subarray(0, used)
  yield TRAILER
}

const GATHERED_BYTES = 1 << 18
const MOST_BYTES = 1 << 20
// Signature, flags, length of an extension: https://www.postgresql.org/docs/current/sql-copy.html
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER = Buffer.from([0xff, 0xff])
