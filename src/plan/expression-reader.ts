import type { Argument, Expression, Literal, TransformCall } from './expression.ts'
import { type ParseProblem, quote } from './problem.ts'
import { TextCursor } from './text-cursor.ts'

/** Reads the text of an expression from left to right; throws `ParseProblem` at the first mistake. Grammar: expression.ts. */
export class ExpressionReader {
  readonly #text: TextCursor

  constructor(source: string) {
    this.#text = new TextCursor(source)
  }

  whole(): Expression {
    if (this.#text.source.trim() === '') throw this.#text.problem('An expression may not be empty.', 0)
    const expression = this.#pipeline()
    this.#end()
    return expression
  }

  wholeEach(): {
    readonly path: readonly (string | number)[]
    readonly transforms: readonly TransformCall[]
  } {
    const path = this.#starredPath()
    const transforms: TransformCall[] = []
    while (this.#takePipe()) transforms.push(this.#transform())
    this.#end()
    return { path, transforms }
  }

  wholePath(): readonly (string | number)[] {
    const path = this.#starredPath()
    if (path.length === 1 && path[0] === '*')
      throw this.#text.problem('A star alone names no field.', 0, 'To drop whatever there is, say drop: all.')
    this.#end()
    return path
  }

  wholeDecodeStep(): { readonly name: string; readonly arguments: readonly string[] } {
    const words = [this.#name('a decoder, such as json')]
    while (this.#peekName()) words.push(this.#name('a word'))
    const texts: string[] = []
    if (this.#text.take('('))
      while (!this.#text.take(')')) {
        if (texts.length > 0) this.#text.expect(',', 'a comma or ")"')
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
    const start = this.#text.start()
    const transform = this.#name('a transform, such as lower')
    const span = this.#text.span(start)
    return { transform, arguments: this.#text.take('(') ? this.#arguments() : [], span }
  }

  #coalesce(): Expression {
    const start = this.#text.start()
    const options = [this.#primary()]
    while (this.#text.take('??')) options.push(this.#primary())
    return options.length === 1 ? options[0]! : { kind: 'coalesce', options, span: this.#text.span(start) }
  }

  #primary(): Expression {
    const start = this.#text.start()
    const next = this.#text.source[start]
    if (this.#text.take('(')) return this.#text.nested(() => this.#parenthesised(start))
    if (this.#text.take('$')) {
      const root = this.#text.match(NAME_HERE)
      if (root === undefined) throw this.#text.problem('A root such as $key or $id has to follow "$".', start)
      const path: (string | number)[] = []
      this.#segments(path)
      return { kind: 'root', root, path, span: this.#text.span(start) }
    }
    if (next === "'" || next === '"') throw this.#bareText(start)
    const number = this.#text.number()
    if (number) return { kind: 'literal', value: number, span: this.#text.span(start) }
    if (next === '[' || this.#peekName()) return this.#pathOrCall(start)
    throw this.#text.unexpected('a field of the record, such as from, or a root, such as $key')
  }

  #parenthesised(start: number): Expression {
    const inner = this.#pipeline()
    this.#text.expect(')', `the ")" for the "(" at column ${start + 1}`)
    return inner
  }

  #pathOrCall(start: number): Expression {
    const first = this.#pathStart()
    const bare = this.#text.source[start] !== '['
    if (bare && WORDS.has(first) && !this.#continues()) {
      return { kind: 'literal', value: WORDS.get(first)!, span: this.#text.span(start) }
    }
    if (bare && this.#text.take('(')) {
      const list = this.#arguments(first === 'const')
      return { kind: 'call', name: first, arguments: list, span: this.#text.span(start) }
    }
    const path: (string | number)[] = [first]
    this.#segments(path)
    return { kind: 'path', path, span: this.#text.span(start) }
  }

  #starredPath(): (string | number)[] {
    if (this.#text.source.trim() === '') throw this.#text.problem('A path may not be empty.', 0)
    const path = [this.#text.take('*') ? '*' : this.#pathStart()]
    this.#segments(path, true)
    return path
  }

  #pathStart(): string {
    if (!this.#text.take('[')) return this.#name('the name of a field')
    const text = this.#text.text('the name of a field, in quotes')
    this.#text.expect(']', '"]"')
    return text
  }

  #segments(path: (string | number)[], stars = false): void {
    while (this.#continues()) {
      if (this.#text.take('.')) {
        if (stars && this.#text.take('*')) path.push('*')
        else path.push(this.#match(SEGMENT_HERE, 'a field behind "."'))
        continue
      }
      this.#text.take('[')
      if (stars && this.#text.take('*')) path.push('*')
      else path.push(this.#index() ?? this.#text.text("an index such as 0, or a field's name in quotes"))
      this.#text.expect(']', '"]"')
    }
  }

  // Only directly behind what it belongs to: `a .b` is a mistake, not a path.
  #continues(): boolean {
    const next = this.#text.source[this.#text.offset]
    return next === '.' || next === '['
  }

  #index(): number | undefined {
    const digits = this.#text.match(/\s*(\d{1,9})(?=\s*\])/y)
    return digits === undefined ? undefined : Number(digits)
  }

  #arguments(words = false): readonly Argument[] {
    const list: Argument[] = []
    while (!this.#text.take(')')) {
      if (list.length > 0) this.#text.expect(',', 'a comma or ")"')
      list.push(this.#text.nested(() => this.#argument(words)))
    }
    return list
  }

  #argument(words: boolean): Argument {
    const start = this.#text.start()
    const next = this.#text.source[start]
    if (next === "'" || next === '"' || next === '{' || (next === '[' && !this.#isNamedField())) {
      const value = this.#literal()
      return { kind: 'data', value, span: this.#text.span(start) }
    }
    const expression = this.#pipeline()
    const span = this.#text.span(start)
    if (expression.kind === 'literal') return { kind: 'data', value: expression.value, span }
    const word = expression.kind === 'path' && expression.path.length === 1 ? expression.path[0] : undefined
    if (words && typeof word === 'string') return { kind: 'data', value: word, span }
    return { kind: 'expression', expression, span }
  }

  // `['odd name'].x` is a path, `['a', 'b']` and `['a']` alone are lists.
  #isNamedField(): boolean {
    FIELD_THEN_PATH.lastIndex = this.#text.offset
    return FIELD_THEN_PATH.test(this.#text.source)
  }

  #literal(): Literal {
    return this.#text.nested(() => {
      this.#text.start()
      const next = this.#text.source[this.#text.offset]
      if (next === "'" || next === '"') return this.#text.text('text')
      if (this.#text.take('[')) return this.#list()
      if (this.#text.take('{')) return this.#map()
      const number = this.#text.number()
      if (number) return number
      const word = this.#text.match(NAME_HERE)
      if (word === undefined)
        throw this.#text.unexpected('a value: text, a number, true, false, null, a list or a map')
      return WORDS.has(word) ? WORDS.get(word)! : word
    })
  }

  #list(): Literal {
    const items: Literal[] = []
    while (!this.#text.take(']')) {
      if (items.length > 0) this.#text.expect(',', 'a comma or "]"')
      items.push(this.#literal())
    }
    return items
  }

  #map(): Literal {
    const map = new Map<string, Literal>()
    while (!this.#text.take('}')) {
      if (map.size > 0) this.#text.expect(',', 'a comma or "}"')
      const start = this.#text.start()
      const name = this.#mapKey()
      if (map.has(name)) throw this.#text.problem(`The name ${quote(name)} stands twice in this map.`, start)
      this.#text.expect(':', 'a colon')
      map.set(name, this.#literal())
    }
    return map
  }

  #mapKey(): string {
    const next = this.#text.source[this.#text.start()]
    if (next === "'" || next === '"') return this.#text.text('a name')
    return this.#text.number()?.number ?? this.#name('a name')
  }

  #decoderArgument(): string {
    const next = this.#text.source[this.#text.start()]
    if (next === "'" || next === '"') return this.#text.text('text')
    return this.#text.number()?.number ?? this.#match(PATH_HERE, 'a word or text in quotes')
  }

  #bareText(start: number): ParseProblem {
    const hint = 'Write const(…) around it; a bare word is a field of the record.'
    return this.#text.problem('Text alone is no expression.', start, hint)
  }

  #takePipe(): boolean {
    const start = this.#text.ahead()
    if (this.#text.source.startsWith('||', start))
      throw this.#text.problem('There is no "||".', start, 'Write "??" for the first value that is present.')
    return this.#text.take('|')
  }

  #peekName(): boolean {
    NAME_HERE.lastIndex = this.#text.ahead()
    return NAME_HERE.test(this.#text.source)
  }

  #name(expected: string): string {
    this.#text.start()
    return this.#match(NAME_HERE, expected)
  }

  #match(sticky: RegExp, expected: string): string {
    const found = this.#text.match(sticky)
    if (found === undefined) throw this.#text.unexpected(expected)
    return found
  }

  #end(): void {
    if (this.#text.start() < this.#text.source.length) throw this.#text.unexpected('"|", "??" or the end')
  }
}

const NAME_HERE = /[\p{L}_][\p{L}\p{N}_-]*/uy
const SEGMENT_HERE = /[\p{L}\p{N}_][\p{L}\p{N}_-]*/uy
const PATH_HERE = /[\p{L}\p{N}_][\p{L}\p{N}_.-]*/uy
const FIELD_THEN_PATH = /\[\s*(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*\]\s*(?:[.[|]|\?\?)/y
const WORDS = new Map<string, boolean | null>([
  ['true', true],
  ['false', false],
  ['null', null],
])
