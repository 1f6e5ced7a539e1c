/** Longest key that is shown whole, in characters. */
const LONGEST = 120

/**
 * A key as people can read it, whatever is in it: one line, no control characters, nothing that changes the direction of text or colours a
 * terminal; bytes that are no UTF-8 as `\xNN`; long ones cut in the middle.
 */
export function printable(key: Buffer | string): string {
  const text = typeof key === 'string' ? key : decode(key)
  const shown = text.replace(UNPRINTABLE, (it) => `\\u{${it.codePointAt(0)!.toString(16)}}`)
  if (shown.length <= LONGEST) return shown === '' ? '(empty key)' : shown
  return `${shown.slice(0, LONGEST - 30)}…${shown.slice(-20)} (${text.length} characters)`
}

// C0 and C1 controls, bidirectional and invisible formatting, line and paragraph separators, byte order mark, lone surrogates.
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu

function decode(key: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(key)
  } catch {
    return [...key]
      .map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`))
      .join('')
  }
}
