import { isUtf8 } from 'node:buffer'

/**
 * Text from a store, fit to be shown: whatever could move the cursor, hide, or turn the line around (control characters, ANSI, bidi marks,
 * odd spaces, lone surrogates) is written as an escape; bytes that are no UTF-8 as `\xNN`. Longer than `limit` characters, its middle is
 * left out. Printing what was made printable changes nothing.
 */
export function printable(text: string | Buffer, limit = 120): string {
  const visible = typeof text === 'string' ? escapeUnseen(text) : keyText(text)
  const characters = [...visible]
  if (characters.length <= limit) return visible
  const tail = Math.floor(limit / 4)
  const head = limit - tail - 1
  return `${characters.slice(0, head).join('')}…${characters.slice(-tail).join('')}`
}

/** The same for sentences of our own that name something from a store: nothing is left out. */
export const printableSentence = (text: string): string => printable(text, Number.POSITIVE_INFINITY)

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

const escapeUnseen = (text: string): string => text.replace(UNSEEN, escaped)

function escaped(character: string): string {
  const short = SHORT[character]
  if (short) return short
  const code = character.codePointAt(0)!.toString(16)
  return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\u{${code}}`
}

function keyText(key: Buffer): string {
  if (key.length === 0) return '(empty key)'
  return isUtf8(key) ? escapeUnseen(key.toString()) : hexadecimal(key)
}

const hexadecimal = (bytes: Buffer): string =>
  [...bytes]
    .map((byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
    )
    .join('')
