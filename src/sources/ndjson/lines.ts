import { readSync } from 'node:fs'

/** A line without its line feed, and where the next one begins. */
export interface Line {
  readonly bytes: Buffer
  /** Counts from 1. */
  readonly number: number
  readonly next: number
}

/** The lines of a file from an offset on; `number` is the first one's. The last needs no line feed. */
export function* lines(descriptor: number, size: number, offset: number, number: number): Generator<Line> {
  let pieces: Buffer[] = []
  let line = number
  for (let base = offset; base < size; ) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, size - base))
    const read = readSync(descriptor, chunk, 0, chunk.length, base)
    if (read === 0) break
    let start = 0
    for (
      let end = chunk.indexOf(LINE_FEED);
      end !== -1 && end < read;
      end = chunk.indexOf(LINE_FEED, start)
    ) {
      pieces.push(chunk.subarray(start, end))
      start = end + 1
      yield { bytes: whole(pieces), number: line++, next: base + start }
      pieces = []
    }
    if (start < read) pieces.push(chunk.subarray(start, read))
    base += read
  }
  if (pieces.length > 0) yield { bytes: whole(pieces), number: line, next: size }
}

const CHUNK = 256 * 1024
const LINE_FEED = 10

const whole = (pieces: Buffer[]): Buffer => (pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
