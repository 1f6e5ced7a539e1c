import type { Span } from './expression.ts'
import { ParseProblem, quote } from './problem.ts'

/** A place in the text of an expression, and the small things that can be read there. Mistakes are thrown as `ParseProblem` (KV030). */
export class TextCursor {
  readonly source: string
  offset = 0
  #depth = 0

  constructor(source: string) {
    this.source = source
  }

  /** A number in JSON's grammar, as its text; undefined where none stands. */
  number(): { readonly number: string } | undefined {
    this.start()
    const start = this.offset
    const number = this.match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y)
    if (number === undefined) return undefined
    // `007` and `12px` are neither numbers nor names.
    if (this.match(/[\p{L}\p{N}_]/uy) !== undefined) throw this.problem('This is no number.', start)
    return { number }
  }

  /** Text in quotes, with its escapes replaced. */
  text(expected: string): string {
    const start = this.start()
    const mark = this.source[start]
    if (mark !== "'" && mark !== '"') throw this.unexpected(expected)
    let text = ''
    let offset = start + 1
    for (;;) {
      const character = this.source[offset]
      if (character === undefined)
        throw this.problem('This text is not closed.', start, `Close it with ${mark}.`)
      if (character === mark) break
      if (character === '\\') {
        const [written, meant] = this.#escape(offset)
        text += meant
        offset += written
      } else {
        text += character
        offset += 1
      }
    }
    this.offset = offset + 1
    if (UNSTORABLE.test(text))
      throw this.problem('This text holds a character that Postgres cannot store.', start)
    return text
  }

  #escape(offset: number): readonly [number, string] {
    const next = this.source[offset + 1] ?? ''
    const simple = ESCAPED[next]
    if (simple !== undefined) return [2, simple]
    const code = /^u[0-9a-fA-F]{4}/.exec(this.source.slice(offset + 1, offset + 6))
    if (code) return [6, String.fromCharCode(Number.parseInt(code[0].slice(1), 16))]
    throw this.problem(`There is no escape "\\${next}".`, offset, 'Write "\\\\" for a backslash.')
  }

  /** Goes behind a token; false where another stands. */
  take(token: string): boolean {
    const start = this.ahead()
    if (!this.source.startsWith(token, start)) return false
    this.offset = start + token.length
    return true
  }

  expect(token: string, expected: string): void {
    if (!this.take(token)) throw this.unexpected(expected)
  }

  /** What a sticky expression finds right here: its first group, or all of it. */
  match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.offset
    const found = sticky.exec(this.source)
    if (!found) return undefined
    this.offset = sticky.lastIndex
    return found[1] ?? found[0]
  }

  /** Where the next token begins. */
  ahead(): number {
    let offset = this.offset
    while (WHITE.has(this.source[offset] ?? '')) offset += 1
    return offset
  }

  /** Skips white space and says where the next token begins. */
  start(): number {
    this.offset = this.ahead()
    return this.offset
  }

  /** From `start` to what was read last. */
  span(start: number): Span {
    return { start, end: this.offset }
  }

  /** Reads something that may hold itself; refuses more levels than anybody writes. */
  nested<T>(read: () => T): T {
    this.#depth += 1
    if (this.#depth > 50) throw this.problem('This is nested too deeply.', this.offset)
    const result = read()
    this.#depth -= 1
    return result
  }

  unexpected(expected: string): ParseProblem {
    const start = this.start()
    const found = this.source.slice(start).split(/(?<=.)(?=[\s|()[\]{},?'"])/, 1)[0]
    const what = found ? `${quote(found, 20)} came` : 'the expression ends'
    // A comma in { } ends the value for YAML, in the middle of the parentheses.
    const isCut = !found && this.source.includes('(')
    return this.problem(
      `Expected ${expected}, but ${what}.`,
      start,
      isCut ? 'In { } or [ ] of YAML, an expression that holds a comma is quoted as a whole.' : undefined,
    )
  }

  problem(message: string, offset: number, hint?: string): ParseProblem {
    return new ParseProblem('KV030', offset, message, hint)
  }
}

// Lone surrogates and NUL.
const UNSTORABLE = /\p{Surrogate}|\0/u
const WHITE = new Set([' ', '\t', '\n', '\r'])
const ESCAPED: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  n: '\n',
  r: '\r',
  t: '\t',
}
