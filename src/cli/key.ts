import { KvmigError } from '../errors.ts'
import { printable } from '../printable.ts'

/**
 * The bytes of a key as somebody typed it: text; a key that is no text in the form in which reports show it (`bin:\\x00\\xff`); or
 * `base64:…` for any bytes.
 */
export function readKey(text: string): Buffer {
  if (!text.startsWith('base64:')) return shown(text) ?? Buffer.from(text)
  const key = Buffer.from(text.slice('base64:'.length), 'base64')
  if (
    key.length > 0 &&
    key.toString('base64').replace(/=+$/, '') === text.slice('base64:'.length).replace(/=+$/, '')
  )
    return key
  throw new KvmigError('USAGE', 'What follows base64: is no base64.')
}

// Only what a report would show in exactly this way: any other backslash means itself.
function shown(text: string): Buffer | undefined {
  if (!text.includes('\\')) return undefined
  const bytes: Buffer[] = []
  let from = 0
  for (const found of text.matchAll(ESCAPE)) {
    const [written, byte, short, long] = found
    bytes.push(Buffer.from(text.slice(from, found.index)))
    if (byte !== undefined) bytes.push(Buffer.from(byte, 'hex'))
    else if (short !== undefined || long !== undefined) {
      const point = Number.parseInt((short ?? long)!, 16)
      if (point > 0x10ffff) return undefined
      bytes.push(Buffer.from(String.fromCodePoint(point)))
    } else bytes.push(Buffer.from(SHORT[written]!))
    from = found.index + written.length
  }
  const key = Buffer.concat([...bytes, Buffer.from(text.slice(from))])
  return printable(key, Number.POSITIVE_INFINITY) === text && from > 0 ? key : undefined
}

const ESCAPE = /\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\u\{([0-9a-f]{5,6})\}|\\[nrt]/g
const SHORT: Readonly<Record<string, string>> = { '\\n': '\n', '\\r': '\r', '\\t': '\t' }
