import { ParseProblem } from './problem.ts'

/** One token of SQL, with where it stands. Comments and white space are left out. */
export interface SqlToken {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'symbol'
  /** As written; a quoted name without its quotes. */
  readonly text: string
  /** Lower case, for comparing keywords; empty unless `kind` is `word`. */
  readonly word: string
  readonly start: number
  readonly end: number
}

/** Cuts SQL into tokens: enough to find where a type or a default ends. Throws `ParseProblem` (KV040) for what is not closed. */
export function sqlTokens(source: string): readonly SqlToken[] {
  const tokens: SqlToken[] = []
  let offset = 0
  while (offset < source.length) {
    const [kind, length] = tokenAt(source, offset)
    if (kind !== 'blank') {
      const written = source.slice(offset, offset + length)
      const text = kind === 'quoted' ? written.slice(1, -1).replaceAll('""', '"') : written
      const word = kind === 'word' ? written.toLowerCase() : ''
      tokens.push({ kind, text, word, start: offset, end: offset + length })
    }
    offset += length
  }
  return tokens
}

const TOKENS: readonly (readonly [SqlToken['kind'] | 'blank', RegExp])[] = [
  ['blank', /\s+|--[^\n]*|\/\*[\s\S]*?\*\//y],
  [
    'string',
    /[eE]'(?:[^'\\]|\\[\s\S]|'')*'|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*'|(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?\1/y,
  ],
  ['quoted', /"(?:[^"]|"")+"/y],
  ['word', /[\p{L}_][\p{L}\p{N}_$]*/uy],
  ['number', /\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+/y],
]

function tokenAt(source: string, offset: number): readonly [SqlToken['kind'] | 'blank', number] {
  for (const [kind, pattern] of TOKENS) {
    pattern.lastIndex = offset
    const found = pattern.exec(source)
    if (found) return [kind, found[0].length]
  }
  const character = source[offset]!
  if (character === "'" || character === '"')
    throw new ParseProblem('KV040', offset, `This ${character} is not closed.`)
  return ['symbol', 1]
}
