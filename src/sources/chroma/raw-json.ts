/** The text is not the JSON that was expected. */
export class RawJsonError extends Error {}

/** The elements of a JSON array as the text they are written as: numbers keep their digits, strings their escapes. */
export const rawItems = (text: string): string[] => pieces(text.trim(), '[', ']')

/** The members of a JSON object, their values as text. */
export function rawMembers(text: string): Map<string, string> {
  return new Map(
    pieces(text.trim(), '{', '}').map((piece) => {
      const end = stringEnd(piece, 0)
      const colon = piece.indexOf(':', end)
      if (piece[0] !== '"' || colon === -1) throw new RawJsonError('a member without a name')
      return [JSON.parse(piece.slice(0, end)) as string, piece.slice(colon + 1).trim()]
    }),
  )
}

// What stands between the brackets, divided at its own commas.
function pieces(text: string, open: string, close: string): string[] {
  if (text[0] !== open || text.at(-1) !== close) throw new RawJsonError(`no ${open}…${close}`)
  const found: string[] = []
  let depth = 0
  let start = 1
  for (let at = 1; at < text.length - 1; at++) {
    const sign = text[at]!
    if (sign === '"') at = stringEnd(text, at) - 1
    else if (sign === '[' || sign === '{') depth += 1
    else if (sign === ']' || sign === '}') depth -= 1
    else if (sign === ',' && depth === 0) {
      found.push(text.slice(start, at).trim())
      start = at + 1
    }
    if (depth < 0) throw new RawJsonError('brackets that do not fit')
  }
  if (depth !== 0) throw new RawJsonError('brackets that do not fit')
  const last = text.slice(start, -1).trim()
  return found.length === 0 && last === '' ? [] : [...found, last]
}

// Behind the quotation mark that ends the string.
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at + 1
  }
  throw new RawJsonError('a string without an end')
}
