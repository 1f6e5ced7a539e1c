import { isUtf8 } from 'node:buffer'
import type { ByteStrings } from '../byte-strings.ts'
import { RejectError, type Value } from '../value.ts'
import { readJson } from './read-json.ts'

/** What stands at a field. */
export const FOUND = {
  nothing: 0,
  text: 1,
  /** A whole number that a double holds, which is in `numbers`; not -0. */
  integer: 2,
  true: 3,
  false: 4,
  null: 5,
  /** Another number, an object, a list. */
  other: 6,
} as const

/** Names beyond those that were asked for, of which so many are told apart. */
const MOST_NAMES = 256

/** Of what lies inside a field. `readJson` goes further, and says where it stops. */
const MOST_DEPTH = 100

/**
 * Finds the fields of one JSON object, or of a hash, without making values of them: where each begins and ends, and what it is; of text
 * what it means, without quotation marks and escapes. Knows usual JSON only:
 * whatever else there is (a duplicate, a wrong escape, half a surrogate pair, an escape in a name …), it says no, and `readJson` has to say
 * what is the matter. What it says yes to, `readJson` would take as well.
 */
export class FieldScan {
  /** One for each name, in the order they were given; further names of the data come behind. */
  readonly found: Uint8Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly numbers: Float64Array
  /** The bytes in which a field begins and ends. They are gone with the next scan. */
  readonly sources: Buffer[] = []
  readonly #names: Buffer[]
  /** Which name stood at which place of the last object: the next one is likely to be alike. */
  readonly #order: number[] = []
  readonly #others: boolean
  #at = 0
  /** What texts with escapes mean. */
  #texts = Buffer.allocUnsafeSlow(1 << 12)
  #textWords = new DataView(this.#texts.buffer)
  #unescaped = 0
  /** The memory that the bytes lie in: values lie beside each other in few pieces of it. */
  #words: DataView = new DataView(new ArrayBuffer(0))

  /** `others`: may there be further fields? */
  constructor(names: readonly string[], { others }: { readonly others: boolean }) {
    this.#names = names.map((it) => Buffer.from(it))
    this.#others = others
    const places = names.length + (others ? MOST_NAMES : 0)
    this.found = new Uint8Array(places)
    this.starts = new Int32Array(places)
    this.ends = new Int32Array(places)
    this.numbers = new Float64Array(places)
  }

  /** The same for a hash: field, value, field, value … False: there is a field too many. Values have not been looked at. */
  hash(pairs: readonly Buffer[]): boolean {
    this.#begin()
    for (let at = 0; at < pairs.length; at += 2) {
      const field = pairs[at]!
      const name = this.#name(field, 0, field.length, at / 2)
      if (name < 0) return false
      const value = pairs[at + 1]!
      this.found[name] = FOUND.text
      this.sources[name] = value
      this.starts[name] = 0
      this.ends[name] = value.length
    }
    return true
  }

  /** The same of a hash in one piece. */
  packed({ bytes, places }: ByteStrings): boolean {
    this.#begin()
    for (let at = 0; at < places.length; at += 4) {
      const name = this.#name(bytes, places[at]!, places[at + 1]!, at >> 2)
      if (name < 0) return false
      this.found[name] = FOUND.text
      this.sources[name] = bytes
      this.starts[name] = places[at + 2]!
      this.ends[name] = places[at + 3]!
    }
    return true
  }

  /** What a field of a JSON object was found to be, as a value; undefined where there is nothing. */
  value(name: number): Value {
    const found = this.found[name]
    if (found === FOUND.nothing) return undefined
    const bytes = this.sources[name]!.subarray(this.starts[name], this.ends[name])
    return found === FOUND.text ? bytes.toString('utf8') : readJson(bytes)
  }

  #begin(): void {
    this.found.fill(FOUND.nothing, 0, this.#names.length)
  }

  /** False: not an object of the usual kind. */
  scan(bytes: Buffer): boolean {
    if (!isUtf8(bytes)) return false
    this.#begin()
    this.#unescaped = 0
    // No text is longer than it was with its escapes.
    if (this.#texts.length < bytes.length + WORD) {
      this.#texts = Buffer.allocUnsafeSlow(2 * bytes.length + WORD)
      this.#textWords = new DataView(this.#texts.buffer)
    }
    if (this.#words.buffer !== bytes.buffer) this.#words = new DataView(bytes.buffer)
    let at = skip(bytes, 0)
    if (bytes[at] !== OPEN_OBJECT) return false
    at = skip(bytes, at + 1)
    if (bytes[at] === CLOSE_OBJECT) return skip(bytes, at + 1) === bytes.length
    for (let place = 0; ; place++) {
      if (bytes[at] !== QUOTE) return false
      const start = at + 1
      for (at = start; bytes[at] !== QUOTE; at++)
        if (!(bytes[at]! >= 0x20) || bytes[at] === BACKSLASH) return false
      const name = this.#name(bytes, start, at, place)
      if (name < 0 || this.found[name] !== FOUND.nothing) return false
      at = skip(bytes, at + 1)
      if (bytes[at] !== COLON) return false
      this.#at = skip(bytes, at + 1)
      if (!this.#value(bytes, name)) return false
      at = skip(bytes, this.#at)
      if (bytes[at] === CLOSE_OBJECT) return skip(bytes, at + 1) === bytes.length
      if (bytes[at] !== COMMA) return false
      at = skip(bytes, at + 1)
    }
  }

  // Which name this is, of a field at this place; -1 for one that there must not be, or one too many.
  #name(bytes: Buffer, start: number, end: number, place: number): number {
    const likely = this.#order[place]
    if (likely !== undefined && isSame(this.#names[likely]!, bytes, start, end)) return likely
    let name = this.#names.findIndex((it) => isSame(it, bytes, start, end))
    if (name < 0) {
      if (!this.#others || this.#names.length === this.found.length) return -1
      if (!isUtf8(bytes.subarray(start, end))) return -1
      name = this.#names.push(Buffer.from(bytes.subarray(start, end))) - 1
      this.found[name] = FOUND.nothing
    }
    if (place <= this.#order.length) this.#order[place] = name
    return name
  }

  // Notes the value that begins at `#at`, and goes behind it.
  #value(bytes: Buffer, name: number): boolean {
    const start = this.#at
    const first = bytes[start]!
    if (first === QUOTE) return this.#text(bytes, name)
    let end: number
    let found: number
    if (first === MINUS || (first >= ZERO && first <= NINE)) {
      end = start + (first === MINUS ? 1 : 0)
      let value = 0
      const digits = end
      for (; bytes[end]! >= ZERO && bytes[end]! <= NINE; end++) value = value * 10 + bytes[end]! - ZERO
      if (end === digits || (bytes[digits] === ZERO && end > digits + 1)) return false
      const isWhole = bytes[end] !== POINT && (bytes[end]! | 0x20) !== E
      // One that is too large for it has become too large on the way.
      const isExact = isWhole && Number.isSafeInteger(value) && !(value === 0 && first === MINUS)
      found = isExact ? FOUND.integer : FOUND.other
      if (found === FOUND.integer) this.numbers[name] = first === MINUS ? -value : value
      else if (!isWhole) {
        end = numberEnd(bytes, start)
        if (end < 0) return false
      }
    } else if (first === LOWER_T && isSame(TRUE, bytes, start, start + 4)) {
      ;[end, found] = [start + 4, FOUND.true]
    } else if (first === LOWER_F && isSame(FALSE, bytes, start, start + 5)) {
      ;[end, found] = [start + 5, FOUND.false]
    } else if (first === LOWER_N && isSame(NULL, bytes, start, start + 4)) {
      ;[end, found] = [start + 4, FOUND.null]
    } else if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      end = nestedEnd(this.#words, bytes, start)
      if (end < 0 || !isJson(bytes.subarray(start, end))) return false
      found = FOUND.other
    } else return false
    this.found[name] = found
    this.sources[name] = bytes
    this.starts[name] = start
    this.ends[name] = end
    this.#at = end
    return true
  }

  #text(bytes: Buffer, name: number): boolean {
    const start = this.#at + 1
    const end = stop(this.#words, bytes, start)
    this.found[name] = FOUND.text
    if (bytes[end] === QUOTE) {
      this.sources[name] = bytes
      this.starts[name] = start
      this.ends[name] = end
      this.#at = end + 1
      return true
    }
    if (bytes[end] !== BACKSLASH) return false
    const from = this.#unescaped
    this.#at = this.#unescape(bytes, start)
    this.sources[name] = this.#texts
    this.starts[name] = from
    this.ends[name] = this.#unescaped
    return this.#at > 0
  }

  // Copies what a text means, and answers where it ends; 0 for what only `readJson` should judge.
  #unescape(bytes: Buffer, start: number): number {
    const words = this.#words
    const textWords = this.#textWords
    const texts = this.#texts
    const { byteOffset } = bytes
    let used = this.#unescaped
    for (let at = start; ; ) {
      let stops = 0
      while (stops === 0 && at + WORD <= bytes.length) {
        // Four bytes at once, stops and all: what comes next is written over those.
        const word = words.getInt32(byteOffset + at, true)
        textWords.setInt32(used, word, true)
        stops = stopsIn(word)
        const passed = stops === 0 ? WORD : firstOf(stops)
        at += passed
        used += passed
      }
      for (; stops === 0 && STOPS[bytes[at]!] === 0; at++) texts[used++] = bytes[at]!
      const byte = bytes[at]
      if (byte === QUOTE) {
        this.#unescaped = used
        return at + 1
      }
      if (byte !== BACKSLASH) return 0
      if (bytes[at + 1] !== LOWER_U) {
        const meaning = ESCAPES[bytes[at + 1]!]
        if (!meaning) return 0
        texts[used++] = meaning
        at += 2
      } else {
        const code = codeUnit(bytes, at + 2)
        if (!(code > 0) || (code >= 0xd800 && code <= 0xdfff)) return 0
        used = writeCodeUnit(texts, used, code)
        at += 6
      }
    }
  }
}

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const E = 0x65
const LOWER_F = 0x66
const LOWER_N = 0x6e
const LOWER_T = 0x74
const LOWER_U = 0x75
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')

function skip(bytes: Buffer, from: number): number {
  let at = from
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++
  return at
}

/** A loop: names are short, and a call into native code would cost more. */
function isSame(name: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== name.length || end > bytes.length) return false
  for (let at = 0; at < name.length; at++) if (name[at] !== bytes[start + at]) return false
  return true
}

/** Where a text stops to be what it looks like: at its end, an escape, or a control character, which JSON does not have. */
function stop(words: DataView, bytes: Buffer, from: number): number {
  const { byteOffset } = bytes
  let at = from
  for (; at + WORD <= bytes.length; at += WORD) {
    const stops = stopsIn(words.getInt32(byteOffset + at, true))
    if (stops !== 0) return at + firstOf(stops)
  }
  while (STOPS[bytes[at]!] === 0) at++
  return at
}

/** Bytes that are looked at together. */
const WORD = 4

/**
 * Where a word has a quotation mark, a backslash or a control character: the first of them has its highest bit set, and none before it
 * (https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord).
 */
function stopsIn(word: number): number {
  const quotes = word ^ 0x22222222
  const backslashes = word ^ 0x5c5c5c5c
  return (
    (((quotes - 0x01010101) & ~quotes) |
      ((backslashes - 0x01010101) & ~backslashes) |
      ((word - 0x20202020) & ~word)) &
    0x80808080
  )
}

const firstOf = (stops: number): number => (31 - Math.clz32(stops & -stops)) >> 3

const STOPS = new Uint8Array(256).fill(1, 0, 0x20)
STOPS[QUOTE] = 1
STOPS[BACKSLASH] = 1

/** The byte that stands for `\n` and its like; 0 where there is no such escape. */
const ESCAPES = new Uint8Array(256)
for (const [letter, meaning] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t'])
  ESCAPES[letter!.charCodeAt(0)] = meaning!.charCodeAt(0)

const HEX = new Int8Array(256).fill(-1)
for (const digit of '0123456789abcdefABCDEF') HEX[digit.charCodeAt(0)] = Number.parseInt(digit, 16)

// Four hexadecimal digits; NaN or negative where they are none.
function codeUnit(bytes: Buffer, at: number): number {
  let code = 0
  for (let digit = 0; digit < 4; digit++) {
    const value = HEX[bytes[at + digit]!]
    if (value === undefined || value < 0) return -1
    code = code * 16 + value
  }
  return code
}

/** As UTF-8. Surrogates are none of it. */
function writeCodeUnit(target: Buffer, from: number, code: number): number {
  if (code < 0x80) return target.writeUInt8(code, from)
  if (code < 0x800) {
    target[from] = 0xc0 | (code >> 6)
    return target.writeUInt8(0x80 | (code & 0x3f), from + 1)
  }
  target[from] = 0xe0 | (code >> 12)
  target[from + 1] = 0x80 | ((code >> 6) & 0x3f)
  return target.writeUInt8(0x80 | (code & 0x3f), from + 2)
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/

function numberEnd(bytes: Buffer, start: number): number {
  let end = start
  while (end < bytes.length && NUMERIC[bytes[end]!] === 1) end++
  const text = bytes.toString('latin1', start, end)
  return NUMBER.exec(text)?.[0] === text ? end : -1
}

const NUMERIC = new Uint8Array(256)
for (const it of '0123456789+-.eE') NUMERIC[it.charCodeAt(0)] = 1

// Behind the bracket that closes the one at `start`. Only finds it: what lies inside is read afterwards.
function nestedEnd(words: DataView, bytes: Buffer, start: number): number {
  let depth = 0
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      for (at = stop(words, bytes, at + 1); bytes[at] === BACKSLASH; at = stop(words, bytes, at + 2));
      if (bytes[at] !== QUOTE) return -1
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth++
      if (depth > MOST_DEPTH) return -1
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      depth--
      if (depth === 0) return at + 1
    }
  }
  return -1
}

function isJson(bytes: Buffer): boolean {
  try {
    readJson(bytes)
    return true
  } catch (error) {
    if (error instanceof RejectError) return false
    throw error
  }
}
