import type { Position } from '../diagnostic.ts'
import { sqlTokens } from './sql-tokens.ts'

/** The text of an SQL file, asked by byte offsets, as Postgres's syntax tree gives them. */
export class SqlText {
  /** Byte offset of the end of the statement that is being read. */
  statementEnd = 0
  readonly #file: string
  readonly #bytes: Buffer
  readonly #lineStarts: readonly number[]

  constructor(file: string, text: string) {
    this.#file = file
    this.#bytes = Buffer.from(text)
    this.#lineStarts = [
      0,
      ...[...this.#bytes.keys()].filter((it) => this.#bytes[it] === 10).map((it) => it + 1),
    ]
  }

  get length(): number {
    return this.#bytes.length
  }

  /** The text between two byte offsets, trimmed. */
  slice(start: number, end: number): string {
    return this.#bytes.subarray(start, end).toString().trim()
  }

  /** Where the element of a list that begins here ends: before the next comma or the list's closing parenthesis. */
  elementEnd(start: number): number {
    const rest = this.#rest(start)
    let depth = 0
    for (const { text, start: at } of sqlTokens(rest)) {
      if (depth === 0 && (text === ',' || text === ')')) return start + Buffer.byteLength(rest.slice(0, at))
      if (text === '(' || text === '[') depth += 1
      if (text === ')' || text === ']') depth -= 1
    }
    return this.statementEnd
  }

  /** What stands in the first parentheses from here on. */
  insideParentheses(start: number): string {
    const rest = this.#rest(start)
    let depth = 0
    let from = 0
    for (const { text, start: at, end } of sqlTokens(rest)) {
      if (text === '(' && depth++ === 0) from = end
      if (text === ')' && --depth === 0) return rest.slice(from, at).trim()
    }
    return ''
  }

  /** The rest of the statement behind the first such keyword. */
  afterWord(start: number, word: string): string {
    const rest = this.#rest(start)
    const found = sqlTokens(rest).find((it) => it.word === word)
    return found ? rest.slice(found.end).trim() : ''
  }

  /** The rest of the statement. */
  #rest(start: number): string {
    return this.#bytes.subarray(start, this.statementEnd).toString()
  }

  position(offset: number): Position {
    const start = offset === 0 ? 0 : this.#bytes.lastIndexOf(10, offset - 1) + 1
    const line = this.#lineStarts.findLastIndex((it) => it <= start) + 1
    return { file: this.#file, line, column: this.#bytes.subarray(start, offset).toString().length + 1 }
  }
}

/** The elements of a list in SQL, cut at its commas. */
export function splitList(sql: string): readonly string[] {
  const items: string[] = []
  let depth = 0
  let from = 0
  for (const { text, start, end } of sqlTokens(sql)) {
    if (text === '(') depth += 1
    if (text === ')') depth -= 1
    if (text !== ',' || depth > 0) continue
    items.push(sql.slice(from, start).trim())
    from = end
  }
  return [...items, sql.slice(from).trim()].filter((it) => it !== '')
}
