import { isAscii, isUtf8 } from 'node:buffer'
import { Decimal, RejectError, type Value } from '../value.ts'

export interface JsonOptions {
  /** What becomes of NUL and lone surrogates in strings: refused, or NUL dropped and surrogates replaced by U+FFFD. */
  readonly text?: 'reject' | 'replace'
}

const MAX_DEPTH = 1000

/**
 * Reads one JSON text (RFC 8259, nothing beside it), losing nothing: numbers keep their source text, objects are Maps in source order.
 * Throws INVALID_JSON, INVALID_UTF8, DUPLICATE_JSON_KEY (`"a"` and `"\u0061"` are one key), LONE_SURROGATE, NUL_IN_JSON, and
 * JSON_TOO_DEEP beyond 1000 levels. Takes no stack, whatever the depth.
 */
export function readJson(input: Buffer | string, { text: policy = 'reject' }: JsonOptions = {}): Value {
  const text = typeof input === 'string' ? input : decode(input, policy)
  // Without an escape or a control character, every string ends at the next quotation mark.
  const simple = !SPECIAL.test(text)
  const containers: (Map<string, Value> | Value[])[] = []
  const keys: string[] = []
  let container: Map<string, Value> | Value[] | undefined
  let key = ''
  let depth = 0
  let at = skip(text, 0)

  const readString = (): string => {
    const start = at + 1
    if (simple) {
      const end = text.indexOf('"', start)
      if (end < 0) throw invalid('a string without an end', text.length)
      at = end + 1
      return text.slice(start, end)
    }
    let escaped = false
    let end = start
    for (let code = text.charCodeAt(end); code !== QUOTE; code = text.charCodeAt(end)) {
      if (!(code >= 0x20)) throw invalid('a string without an end, or with a raw control character', end)
      if (code === BACKSLASH) escaped = true
      end += code === BACKSLASH ? 2 : 1
    }
    at = end + 1
    return escaped ? unescaped(text.slice(start - 1, at), start, policy) : text.slice(start, end)
  }

  const readKey = (): string => {
    if (text.charCodeAt(at) !== QUOTE) throw invalid('no key in quotation marks', at)
    const name = readString()
    at = skip(text, at)
    if (text.charCodeAt(at) !== COLON) throw invalid('no colon after a key', at)
    at = skip(text, at + 1)
    return name
  }

  for (;;) {
    let value: Value
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      value = readString()
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      const isObject = code === OPEN_OBJECT
      if (depth === MAX_DEPTH)
        throw new RejectError('JSON_TOO_DEEP', `The JSON is nested deeper than ${MAX_DEPTH} levels.`)
      at = skip(text, at + 1)
      if (text.charCodeAt(at) === (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        at++
        value = isObject ? new Map() : []
      } else {
        if (container !== undefined) {
          containers.push(container)
          keys.push(key)
        }
        depth++
        container = isObject ? new Map() : []
        if (isObject) key = readKey()
        continue
      }
    } else if (code === 0x74 && text.startsWith('true', at)) {
      at += 4
      value = true
    } else if (code === 0x66 && text.startsWith('false', at)) {
      at += 5
      value = false
    } else if (code === 0x6e && text.startsWith('null', at)) {
      at += 4
      value = null
    } else {
      NUMBER.lastIndex = at
      if (!NUMBER.test(text)) throw invalid('no value', at)
      value = new Decimal(text.slice(at, NUMBER.lastIndex))
      at = NUMBER.lastIndex
    }

    // The value is complete: it goes into what encloses it, which may be complete thereby.
    for (;;) {
      at = skip(text, at)
      if (container === undefined) {
        if (at < text.length) throw invalid('something after the end of the value', at)
        return value
      }
      const next = text.charCodeAt(at)
      if (container instanceof Map) {
        const { size } = container
        container.set(key, value)
        if (container.size === size)
          throw new RejectError('DUPLICATE_JSON_KEY', 'An object has the same key twice.')
        if (next === COMMA) {
          at = skip(text, at + 1)
          key = readKey()
          break
        }
        if (next !== CLOSE_OBJECT) throw invalid('neither a comma nor the end of the object', at)
      } else {
        container.push(value)
        if (next === COMMA) {
          at = skip(text, at + 1)
          break
        }
        if (next !== CLOSE_ARRAY) throw invalid('neither a comma nor the end of the array', at)
      }
      at++
      depth--
      value = container
      container = containers.pop()
      key = container === undefined ? '' : (keys.pop() as string)
    }
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings must not hold them raw
const SPECIAL = /[\\\x00-\x1f]/
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

function decode(bytes: Buffer, policy: 'reject' | 'replace'): string {
  if (isAscii(bytes)) return bytes.toString('latin1')
  if (policy === 'reject' && !isUtf8(bytes))
    throw new RejectError('INVALID_UTF8', 'The JSON is not valid UTF-8.')
  return bytes.toString('utf8')
}

function skip(text: string, from: number): number {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at++
  }
}

/** `quoted` has escapes: JSON.parse knows them, and one string cannot hold what it gets wrong elsewhere. */
function unescaped(quoted: string, at: number, policy: 'reject' | 'replace'): string {
  let value: string
  try {
    value = JSON.parse(quoted)
  } catch {
    throw invalid('a wrong escape in a string', at)
  }
  if (policy === 'replace') return value.replaceAll('\0', '').toWellFormed()
  if (value.includes('\0'))
    throw new RejectError('NUL_IN_JSON', 'A string in the JSON holds \\u0000, which Postgres cannot store.')
  if (!value.isWellFormed())
    throw new RejectError('LONE_SURROGATE', 'A string in the JSON holds half a surrogate pair.')
  return value
}

const invalid = (what: string, at: number): RejectError =>
  new RejectError('INVALID_JSON', `The value is not JSON: ${what} at character ${at + 1}.`)
