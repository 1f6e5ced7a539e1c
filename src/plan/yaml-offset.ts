import type { Scalar } from 'yaml'

/**
 * Where the character at `offset` of a scalar's text stands in the source: exact for text on one line, plain or quoted, and for literal
 * blocks; as good as exact where lines were folded.
 */
export function sourceOffset(source: string, scalar: Scalar, offset: number): number {
  const [start, end] = scalar.range ?? [0, 0]
  if (scalar.type === 'BLOCK_LITERAL' || scalar.type === 'BLOCK_FOLDED')
    return inBlock(source, start, end, offset)
  const quoted = scalar.type === 'QUOTE_SINGLE' || scalar.type === 'QUOTE_DOUBLE'
  return inFlow(source, quoted ? start + 1 : start, end, scalar.type ?? 'PLAIN', offset)
}

function inFlow(source: string, from: number, end: number, style: string, offset: number): number {
  let at = from
  let produced = 0
  while (produced < offset && at < end) {
    FOLD.lastIndex = at
    const fold = FOLD.exec(source)
    if (fold) {
      const breaks = fold[0].split('\n').length - 1
      produced += Math.max(1, breaks - 1)
      at = FOLD.lastIndex
    } else if (style === 'QUOTE_SINGLE' && source.startsWith("''", at)) {
      produced += 1
      at += 2
    } else if (style === 'QUOTE_DOUBLE' && source[at] === '\\') {
      const [written, meant] = escapeAt(source, at)
      produced += meant
      at += written
    } else {
      produced += 1
      at += 1
    }
  }
  return at
}

// A line break in flow text, with the blanks around it.
const FOLD = /[ \t]*(?:\r?\n[ \t]*)+/y

// How many characters an escape takes, and how many it stands for.
function escapeAt(source: string, at: number): readonly [number, number] {
  const kind = source[at + 1]
  if (kind === 'x') return [4, 1]
  if (kind === 'u') return [6, 1]
  if (kind === 'U') return [10, Number.parseInt(source.slice(at + 2, at + 10), 16) > 0xffff ? 2 : 1]
  if (kind === '\n') return [2 + (/^[ \t]*/.exec(source.slice(at + 2))?.[0].length ?? 0), 0]
  return [2, 1]
}

function inBlock(source: string, start: number, end: number, offset: number): number {
  const body = source.indexOf('\n', start) + 1
  const text = source.slice(body, end)
  const indent = /^(?:[ ]*\r?\n)*([ ]+)/.exec(text)?.[1]?.length ?? 0
  let produced = 0
  let at = body
  for (const line of text.split('\n')) {
    const content = line.slice(indent)
    if (offset <= produced + content.length) return at + indent + (offset - produced)
    produced += content.length + 1
    at += line.length + 1
  }
  return end
}
