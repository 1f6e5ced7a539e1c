/** Bytes of a key as a segment of a path: everything but letters, digits, `-` `_` `~` as `%XX`; also the dot, for a key may be `..`. */
export function encodeKey(key: Buffer): string {
  let text = ''
  for (const byte of key) {
    const sign = String.fromCharCode(byte)
    text += PLAIN.test(sign) ? sign : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}

const PLAIN = /^[A-Za-z0-9_~-]$/

// What JavaScript and Go leave as it is, and whole escapes.
const NOT_ENCODED = /%(?![0-9a-f]{2})|[^A-Za-z0-9%_.!~*'()$&+=:@;,-]/i

/** The bytes of a key that a listing holds in that form; undefined for what is none. */
export function decodeKey(text: string): Buffer | undefined {
  if (NOT_ENCODED.test(text)) return undefined
  const latin1 = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(latin1, 'latin1')
}
