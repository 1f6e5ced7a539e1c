import type { Argument, Expression, Literal, Span, TransformCall } from './expression.ts'
import { ParseProblem, quote } from './problem.ts'

/** Reads the text of an expression from left to right; throws `ParseProblem` at the first mistake. Grammar: expression.ts. */
export class ExpressionReader {
  readonly #source: string
  #offset = 0
  #depth = 0

  constructor(source: string) {
    this.#source = source
  }

  whole(): Expression {
    if (this.#source.trim() === '') throw this.#problem('An expression may not be empty.', 0)
    const expression = this.#pipeline()
    this.#end()
    return expression
  }

  wholeEach(): {
    readonly path: readonly (string | number)[]
    readonly transforms: readonly TransformCall[]
  } {
    const path: (string | number)[] = []
    const transforms: TransformCall[] = []
    if (this.#source.trim() === '') throw this.#problem('A path may not be empty.', 0)
    path.push(this.#take('*') ? '*' : this.#pathStart())
    this.#segments(path, true)
    while (this.#takePipe()) transforms.push(this.#transform())
    this.#end()
    return { path, transforms }
  }

  wholeDecodeStep(): { readonly name: string; readonly arguments: readonly string[] } {
    const words = [this.#name('a decoder, such as json')]
    while (this.#peekName()) words.push(this.#name('a word'))
    const texts: string[] = []
    if (this.#take('('))
      while (!this.#take(')')) {
        if (texts.length > 0) this.#expect(',', 'a comma or ")"')
        texts.push(this.#decoderArgument())
      }
    this.#end()
    return { name: words.join(' '), arguments: texts }
  }

  #pipeline(): Expression {
    let expression = this.#coalesce()
    while (this.#takePipe()) expression = { kind: 'pipe', input: expression, ...this.#transform() }
    return expression
  }

  #transform(): TransformCall {
    const start = this.#start()
    const transform = this.#name('a transform, such as lower')
    const span = this.#span(start)
    return { transform, arguments: this.#take('(') ? this.#arguments() : [], span }
  }

  #coalesce(): Expression {
    const start = this.#start()
    const options = [this.#primary()]
    while (this.#take('??')) options.push(this.#primary())
    return options.length === 1 ? options[0]! : { kind: 'coalesce', options, span: this.#span(start) }
  }

  #primary(): Expression {
    const start = this.#start()
    const next = this.#source[start]
    if (this.#take('(')) return this.#nested(() => this.#parenthesised(start))
    if (this.#take('$')) {
      const root = this.#match(NAME_HERE)
      if (root === undefined) throw this.#problem('A root such as $key or $id has to follow "$".', start)
      const path: (string | number)[] = []
      this.#segments(path)
      return { kind: 'root', root, path, span: this.#span(start) }
    }
    if (next === "'" || next === '"') throw this.#bareText(start)
    const number = this.#number()
    if (number) return { kind: 'literal', value: number, span: this.#span(start) }
    if (next === '[' || this.#peekName()) return this.#pathOrCall(start)
    throw this.#unexpected('a field of the record, such as from, or a root, such as $key')
  }

  #parenthesised(start: number): Expression {
    const inner = this.#pipeline()
    this.#expect(')', `the ")" for the "(" at column ${start + 1}`)
    return inner
  }

  #pathOrCall(start: number): Expression {
    const first = this.#pathStart()
    const bare = this.#source[start] !== '['
    if (bare && WORDS.has(first) && !this.#continues()) {
      return { kind: 'literal', value: WORDS.get(first)!, span: this.#span(start) }
    }
    if (bare && this.#take('(')) {
      const list = this.#arguments(first === 'const')
      return { kind: 'call', name: first, arguments: list, span: this.#span(start) }
    }
    const path: (string | number)[] = [first]
    this.#segments(path)
    return { kind: 'path', path, span: this.#span(start) }
  }

  #pathStart(): string {
    if (!this.#take('[')) return this.#name('the name of a field')
    const text = this.#text('the name of a field, in quotes')
    this.#expect(']', '"]"')
    return text
  }

  #segments(path: (string | number)[], stars = false): void {
    while (this.#continues()) {
      if (this.#take('.')) {
        if (stars && this.#take('*')) path.push('*')
        else path.push(this.#match(SEGMENT_HERE) ?? this.#fail('a field has to follow "."'))
        continue
      }
      this.#take('[')
      if (stars && this.#take('*')) path.push('*')
      else path.push(this.#index() ?? this.#text("an index such as 0, or a field's name in quotes"))
      this.#expect(']', '"]"')
    }
  }

  // Only directly behind what it belongs to: `a .b` is a mistake, not a path.
  #continues(): boolean {
    const next = this.#source[this.#offset]
    return next === '.' || next === '['
  }

  #index(): number | undefined {
    const digits = this.#match(/\s*(\d{1,9})(?=\s*\])/y)
    return digits === undefined ? undefined : Number(digits)
  }

  #arguments(words = false): readonly Argument[] {
    const list: Argument[] = []
    while (!this.#take(')')) {
      if (list.length > 0) this.#expect(',', 'a comma or ")"')
      list.push(this.#nested(() => this.#argument(words)))
    }
    return list
  }

  #argument(words: boolean): Argument {
    const start = this.#start()
    const next = this.#source[start]
    if (next === "'" || next === '"' || next === '{' || (next === '[' && !this.#isNamedField())) {
      const value = this.#literal()
      return { kind: 'data', value, span: this.#span(start) }
    }
    const expression = this.#pipeline()
    const span = this.#span(start)
    if (expression.kind === 'literal') return { kind: 'data', value: expression.value, span }
    const word = expression.kind === 'path' && expression.path.length === 1 ? expression.path[0] : undefined
    if (words && typeof word === 'string') return { kind: 'data', value: word, span }
    return { kind: 'expression', expression, span }
  }

  // `['odd name'].x` is a path, `['a', 'b']` and `['a']` alone are lists.
  #isNamedField(): boolean {
    FIELD_THEN_PATH.lastIndex = this.#offset
    return FIELD_THEN_PATH.test(this.#source)
  }

  #literal(): Literal {
    return this.#nested(() => {
      this.#start()
      const next = this.#source[this.#offset]
      if (next === "'" || next === '"') return this.#text('text')
      if (this.#take('[')) return this.#list()
      if (this.#take('{')) return this.#map()
      const number = this.#number()
      if (number) return number
      const word = this.#match(NAME_HERE)
      if (word === undefined)
        throw this.#unexpected('a value: text, a number, true, false, null, a list or a map')
      return WORDS.has(word) ? WORDS.get(word)! : word
    })
  }

  #list(): Literal {
    const items: Literal[] = []
    while (!this.#take(']')) {
      if (items.length > 0) this.#expect(',', 'a comma or "]"')
      items.push(this.#literal())
    }
    return items
  }

  #map(): Literal {
    const map = new Map<string, Literal>()
    while (!this.#take('}')) {
      if (map.size > 0) this.#expect(',', 'a comma or "}"')
      const start = this.#start()
      const name = this.#mapKey()
      if (map.has(name)) throw this.#problem(`The name ${quote(name)} stands twice in this map.`, start)
      this.#expect(':', 'a colon')
      map.set(name, this.#literal())
    }
    return map
  }

  #mapKey(): string {
    const next = this.#source[this.#start()]
    if (next === "'" || next === '"') return this.#text('a name')
    return this.#number()?.number ?? this.#name('a name')
  }

  #decoderArgument(): string {
    const next = this.#source[this.#start()]
    if (next === "'" || next === '"') return this.#text('text')
    return (
      this.#number()?.number ?? this.#match(PATH_HERE) ?? this.#fail('a word or text in quotes is expected')
    )
  }

  #number(): { readonly number: string } | undefined {
    this.#start()
    const start = this.#offset
    const number = this.#match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y)
    if (number === undefined) return undefined
    // `007` and `12px` are neither numbers nor names.
    if (this.#match(/[\p{L}\p{N}_]/uy) !== undefined) throw this.#problem('This is no number.', start)
    return { number }
  }

  #text(expected: string): string {
    const start = this.#start()
    const mark = this.#source[start]
    if (mark !== "'" && mark !== '"') throw this.#unexpected(expected)
    let text = ''
    let offset = start + 1
    for (;;) {
      const character = this.#source[offset]
      if (character === undefined)
        throw this.#problem('This text is not closed.', start, `Close it with ${mark}.`)
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
    this.#offset = offset + 1
    if (UNSTORABLE.test(text))
      throw this.#problem('This text holds a character that Postgres cannot store.', start)
    return text
  }

  #escape(offset: number): readonly [number, string] {
    const next = this.#source[offset + 1] ?? ''
    const simple = ESCAPED[next]
    if (simple !== undefined) return [2, simple]
    const code = /^u[0-9a-fA-F]{4}/.exec(this.#source.slice(offset + 1, offset + 6))
    if (code) return [6, String.fromCharCode(Number.parseInt(code[0].slice(1), 16))]
    throw this.#problem(`There is no escape "\\${next}".`, offset, 'Write "\\\\" for a backslash.')
  }

  #bareText(start: number): ParseProblem {
    const hint = 'Write const(…) around it; a bare word is a field of the record.'
    return this.#problem('Text alone is no expression.', start, hint)
  }

  #takePipe(): boolean {
    const start = this.#ahead()
    if (this.#source.startsWith('||', start))
      throw this.#problem('There is no "||".', start, 'Write "??" for the first value that is present.')
    return this.#take('|')
  }

  #take(token: string): boolean {
    const start = this.#ahead()
    if (!this.#source.startsWith(token, start)) return false
    this.#offset = start + token.length
    return true
  }

  #expect(token: string, expected: string): void {
    if (!this.#take(token)) throw this.#unexpected(expected)
  }

  #peekName(): boolean {
    NAME_HERE.lastIndex = this.#ahead()
    return NAME_HERE.test(this.#source)
  }

  #name(expected: string): string {
    this.#start()
    return this.#match(NAME_HERE) ?? this.#unexpectedThrow(expected)
  }

  #match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.#offset
    const found = sticky.exec(this.#source)
    if (!found) return undefined
    this.#offset = sticky.lastIndex
    return found[1] ?? found[0]
  }

  /** Where the next token begins. */
  #ahead(): number {
    let offset = this.#offset
    while (WHITE.has(this.#source[offset] ?? '')) offset += 1
    return offset
  }

  /** Skips white space and says where the next token begins. */
  #start(): number {
    this.#offset = this.#ahead()
    return this.#offset
  }

  #span(start: number): Span {
    return { start, end: this.#offset }
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1
    if (this.#depth > 50) throw this.#problem('This is nested too deeply.', this.#offset)
    const result = read()
    this.#depth -= 1
    return result
  }

  #end(): void {
    if (this.#start() < this.#source.length) throw this.#unexpected('"|", "??" or the end')
  }

  #unexpected(expected: string): ParseProblem {
    const start = this.#start()
    const found = this.#source.slice(start).split(/(?<=.)(?=[\s|()[\]{},?'"])/, 1)[0]
    const what = found ? `${quote(found, 20)} came` : 'the expression ends'
    return this.#problem(`Expected ${expected}, but ${what}.`, start)
  }

  #unexpectedThrow(expected: string): never {
    throw this.#unexpected(expected)
  }

  #fail(sentence: string): never {
    throw this.#problem(`Here ${sentence}.`, this.#offset)
  }

  #problem(message: string, offset: number, hint?: string): ParseProblem {
    return new ParseProblem('KV030', offset, message, hint)
  }
}

const NAME_HERE = /[\p{L}_][\p{L}\p{N}_-]*/uy
const SEGMENT_HERE = /[\p{L}\p{N}_][\p{L}\p{N}_-]*/uy
const PATH_HERE = /[\p{L}\p{N}_][\p{L}\p{N}_.-]*/uy
const FIELD_THEN_PATH = /\[\s*(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*\]\s*(?:[.[|]|\?\?)/y
// Lone surrogates and NUL.
const UNSTORABLE = /\p{Surrogate}|\0/u
const WORDS = new Map<string, boolean | null>([
  ['true', true],
  ['false', false],
  ['null', null],
])
const WHITE = new Set([' ', '\t', '\n', '\r'])
const ESCAPED: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  n: '\n',
  r: '\r',
  t: '\t',
}
