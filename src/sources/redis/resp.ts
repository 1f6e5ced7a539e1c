import { constants } from 'node:buffer'
import { ByteStrings } from '../../byte-strings.ts'

/**
 * What Redis answers, as bytes: a bulk string is a Buffer (a view of the chunk it arrived in), a status a string, an integer a number, an
 * error a `ReplyError`. An array of bulk strings inside another array is `ByteStrings` where that was asked for. An integer beyond 2^53 becomes the nearest double.
 */
export type Reply = Buffer | string | number | null | ReplyError | ByteStrings | Reply[]

/** An error as Redis sends it: a value among replies, not an exception, for one refused command is no reason to lose the others. */
export class ReplyError {
  /** The first word: `WRONGTYPE`, `NOPERM`, `ERR`. */
  readonly code: string
  /** Redis's whole line. It may name commands and users; `explain` makes a sentence for people of it. */
  readonly text: string

  constructor(text: string) {
    this.text = text
    this.code = /^[A-Z]+/.exec(text)?.[0] ?? 'ERR'
  }
}

/** What arrived is not RESP2: the address leads to something that is not Redis. */
export class ProtocolError extends Error {}

/**
 * Reads RESP2 from chunks as they arrive and gives each complete reply once. It holds no more than the reply under way. A bulk string
 * that lies in one chunk is a view of that chunk: whoever keeps it for long keeps 64 KB, and should copy.
 */
export class RespReader {
  readonly #give: (reply: Reply) => void
  readonly #packs: () => boolean
  readonly #open: { readonly items: Reply[]; readonly size: number }[] = []
  /** The beginning of a line whose end has not arrived. */
  #line: Buffer | undefined
  /** A bulk string, with its CRLF, that arrives in several chunks. */
  #bulk: Buffer | undefined
  #filled = 0

  /** `packs`: may arrays of bulk strings inside of the reply under way come as `ByteStrings`? Those that lie in one chunk then do. */
  constructor(give: (reply: Reply) => void, packs: () => boolean = () => false) {
    this.#give = give
    this.#packs = packs
  }

  /** Takes the next bytes. Throws `ProtocolError` where they cannot be RESP2. */
  push(chunk: Buffer): void {
    const filled = this.#fill(chunk)
    let bytes = filled === 0 ? chunk : chunk.subarray(filled)
    if (this.#line !== undefined && bytes.length > 0) {
      bytes = Buffer.concat([this.#line, bytes])
      this.#line = undefined
    }
    let at = 0
    while (at < bytes.length) at = this.#element(bytes, at)
  }

  // Reads what begins at `start` and answers where the next thing begins.
  #element(bytes: Buffer, start: number): number {
    const end = lineEnd(bytes, start)
    if (end === -1) {
      this.#line = bytes.subarray(start)
      return bytes.length
    }
    const next = end + 2
    switch (bytes[start]) {
      case DOLLAR: {
        const size = integer(bytes, start + 1, end)
        if (size > constants.MAX_LENGTH - 2) throw new ProtocolError('a string longer than memory')
        if (size >= 0) return this.#string(bytes, next, size)
        this.#take(null)
        return next
      }
      case COLON:
        this.#take(integer(bytes, start + 1, end))
        return next
      case PLUS:
        this.#take(status(bytes, start + 1, end))
        return next
      case MINUS:
        this.#take(new ReplyError(bytes.toString('latin1', start + 1, end)))
        return next
      case STAR: {
        const size = integer(bytes, start + 1, end)
        if (size > 1 && this.#open.length > 0 && this.#packs()) {
          const packed = packedStrings(bytes, next, size)
          if (packed) {
            this.#take(packed)
            return packed.places.at(-1)! + 2
          }
        }
        if (size > 0) this.#open.push({ items: [], size })
        else this.#take(size === 0 ? [] : null)
        return next
      }
      default:
        throw new ProtocolError('a reply of a kind Redis does not have')
    }
  }

  #string(bytes: Buffer, start: number, size: number): number {
    const end = start + size
    if (end + 2 <= bytes.length) {
      this.#take(bytes.subarray(start, end))
      return end + 2
    }
    this.#bulk = Buffer.allocUnsafe(size + 2)
    this.#filled = bytes.copy(this.#bulk, 0, start)
    return bytes.length
  }

  // Answers how many bytes of the chunk belong to the string that is arriving.
  #fill(chunk: Buffer): number {
    if (this.#bulk === undefined) return 0
    const copied = chunk.copy(this.#bulk, this.#filled)
    this.#filled += copied
    if (this.#filled === this.#bulk.length) {
      const whole = this.#bulk.subarray(0, -2)
      this.#bulk = undefined
      this.#take(whole)
    }
    return copied
  }

  #take(reply: Reply): void {
    let complete = reply
    for (let top = this.#open.at(-1); top !== undefined; top = this.#open.at(-1)) {
      top.items.push(complete)
      if (top.items.length < top.size) return
      complete = top.items
      this.#open.pop()
    }
    this.#give(complete)
  }
}

/** Requests of one round trip, as the bytes to send: `new Request().add('GET', key).add('PTTL', key)`. */
export class Request {
  /** Commands in it: as many replies will come. */
  commands = 0
  /** May arrays of strings inside of replies come as `ByteStrings`? */
  packs = false
  #bytes = Buffer.allocUnsafe(1024)
  #length = 0

  add(name: string, ...args: readonly (Buffer | string)[]): this {
    return this.addMany(name, args)
  }

  /** The same for a long list of arguments, which a spread would have to put on the stack. */
  addMany(name: string, args: readonly (Buffer | string)[]): this {
    this.#header(STAR, args.length + 1)
    this.#argument(name)
    for (const arg of args) this.#argument(arg)
    this.commands += 1
    return this
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #argument(argument: Buffer | string): void {
    const bytes = typeof argument === 'string' ? bytesOf(argument) : argument
    const size = bytes.length
    this.#header(DOLLAR, size)
    this.#reserve(size + 2)
    // Most are short: a call into native code would cost more than a loop.
    if (size > SHORT) this.#bytes.set(bytes, this.#length)
    else {
      const [into, at] = [this.#bytes, this.#length]
      for (let place = 0; place < size; place++) into[at + place] = bytes[place]!
    }
    this.#length += size
    this.#bytes[this.#length++] = CR
    this.#bytes[this.#length++] = LF
  }

  #header(kind: number, count: number): void {
    this.#reserve(MAX_HEADER)
    this.#bytes[this.#length++] = kind
    let unit = 1
    while (unit * 10 <= count) unit *= 10
    for (; unit >= 1; unit /= 10) this.#bytes[this.#length++] = ZERO + (Math.floor(count / unit) % 10)
    this.#bytes[this.#length++] = CR
    this.#bytes[this.#length++] = LF
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const wider = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more))
    this.#bytes.copy(wider, 0, 0, this.#length)
    this.#bytes = wider
  }
}

/** Names of commands, which come again a million times. */
const NAMES = new Map<string, Buffer>()
const MOST_NAMES = 100
const SHORT = 64

function bytesOf(text: string): Buffer {
  const known = NAMES.get(text)
  if (known) return known
  const bytes = Buffer.from(text)
  if (NAMES.size < MOST_NAMES && /^[A-Z]+$/.test(text)) NAMES.set(text, bytes)
  return bytes
}

const CR = 13
const LF = 10
const DOLLAR = 36
const STAR = 42
const PLUS = 43
const MINUS = 45
const ZERO = 48
const COLON = 58
/** Kind, up to sixteen digits, CRLF. */
const MAX_HEADER = 20
/** Redis's own limit for an inline line is 64 KB; error lines are far shorter. */
const MAX_LINE = 64 * 1024

// A loop, for most lines are a few digits: a call into native code would cost more.
function lineEnd(bytes: Buffer, start: number): number {
  const last = bytes.length - 1
  for (let at = start; at < last; at++) {
    if (bytes[at] === CR) return at
  }
  if (bytes.length - start > MAX_LINE) throw new ProtocolError('a line without an end')
  return -1
}

/** So many bulk strings that begin at `start`; undefined where something else is among them, or the end has not arrived. */
function packedStrings(bytes: Buffer, start: number, count: number): ByteStrings | undefined {
  const places = new Array<number>(2 * count)
  let total = 0
  let at = start
  for (let place = 0; place < places.length; place += 2) {
    if (bytes[at] !== DOLLAR) return undefined
    const digits = ++at
    let size = 0
    for (; bytes[at] !== CR; at++) {
      const digit = bytes[at]! - ZERO
      if (!(digit >= 0 && digit <= 9)) return undefined
      size = size * 10 + digit
    }
    if (at === digits) return undefined
    const from = at + 2
    at = from + size + 2
    if (at > bytes.length) return undefined
    places[place] = from
    places[place + 1] = from + size
    total += size
  }
  return new ByteStrings(bytes, places, total)
}

function integer(bytes: Buffer, start: number, end: number): number {
  const negative = bytes[start] === MINUS
  const first = negative ? start + 1 : start
  // Sixteen digits and more lose precision when they are summed up one by one; Number() rounds once.
  if (end - first > 15) return wide(bytes.toString('latin1', start, end))
  let value = 0
  for (let at = first; at < end; at++) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) throw new ProtocolError('an integer with something else in it')
    value = value * 10 + digit
  }
  if (first === end) throw new ProtocolError('an integer without digits')
  return negative ? -value : value
}

function wide(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new ProtocolError('an integer with something else in it')
  return Number(text)
}

function status(bytes: Buffer, start: number, end: number): string {
  return isQueued(bytes, start, end) ? 'QUEUED' : bytes.toString('latin1', start, end)
}

// A transaction answers this once for every command: often enough to save the text.
function isQueued(bytes: Buffer, start: number, end: number): boolean {
  for (let at = 0; at < QUEUED.length; at++) if (bytes[start + at] !== QUEUED[at]) return false
  return end - start === QUEUED.length
}

const QUEUED = Buffer.from('QUEUED')
