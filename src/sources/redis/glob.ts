/** The `MATCH` pattern of exactly the keys that begin with these bytes: Redis's glob characters in them are taken literally. */
export function startingWith(prefix: Buffer): Buffer {
  const escaped: number[] = []
  for (const byte of prefix) {
    if (SPECIAL.has(byte)) escaped.push(BACKSLASH)
    escaped.push(byte)
  }
  return Buffer.from([...escaped, STAR])
}

const BACKSLASH = 92
const STAR = 42
/** `*` `?` `[` `\`; a `]` or `^` only means something after an open `[`. */
const SPECIAL: ReadonlySet<number> = new Set([STAR, 63, 91, BACKSLASH])
