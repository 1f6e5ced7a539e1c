import { ParseProblem, type Problem, parsing, quote } from './problem.ts'
import { type SqlToken, sqlTokens } from './sql-tokens.ts'
import type { ColumnDefinition, ColumnType } from './table.ts'
import { columnType, isSerial } from './type-name.ts'

/** What the text behind a column's name says: `text not null default ''`, `bigint generated always as identity`. */
export type ColumnPieces = Omit<ColumnDefinition, 'name' | 'at'>

/**
 * Reads a column definition as a plan writes it. Types kvmig has no codec for (inet, citext, a domain) become `other`; keys, references
 * and checks have places of their own in `tables:` and are refused here. A problem's offset counts from the beginning of `source`.
 */
export function parseColumn(source: string): {
  readonly column?: ColumnPieces
  readonly problems: readonly Problem[]
} {
  const { value, problems } = parsing(() => new ColumnReader(source).column())
  return value ? { column: value, problems } : { problems }
}

/** A type alone, as Postgres's catalog or a plan writes it: `character varying(20)[]`. */
export function parseType(source: string): {
  readonly type?: ColumnType
  readonly problems: readonly Problem[]
} {
  const { value, problems } = parsing(() => new ColumnReader(source).typeAlone())
  return value ? { type: value, problems } : { problems }
}

class ColumnReader {
  readonly #source: string
  readonly #tokens: readonly SqlToken[]
  #next = 0

  constructor(source: string) {
    this.#source = source
    this.#tokens = sqlTokens(source)
  }

  column(): ColumnPieces {
    const { type, serial } = this.#type()
    const found = {
      notNull: serial,
      identity: serial,
      generated: false,
      default: undefined as string | undefined,
    }
    while (this.#token()) this.#constraint(found)
    const { default: value, ...rest } = found
    return { type, ...rest, ...(value !== undefined && { default: value }), sql: this.#source.trim() }
  }

  typeAlone(): ColumnType {
    const { type } = this.#type()
    const rest = this.#token()
    if (rest) throw this.#problem(`${quote(rest.text)} does not belong to a type.`, rest)
    return type
  }

  #type(): { readonly type: ColumnType; readonly serial: boolean } {
    const first = this.#token()
    if (!first) throw new ParseProblem('KV040', 0, 'A column needs a type.', 'Such as: text not null.')
    if (first.kind !== 'word' && first.kind !== 'quoted')
      throw this.#problem(`${quote(first.text)} is no type.`, first, 'A column begins with its type.')
    if (
      ['not', 'null', 'default', 'primary', 'unique', 'references', 'generated', 'check'].includes(first.word)
    )
      throw this.#problem(
        'The type is missing.',
        first,
        'A column begins with its type, such as: text not null.',
      )
    let name = this.#typeName()
    const modifiers = this.#modifiers()
    name += this.#zone(name)
    if (name === 'interval') while (INTERVAL_WORDS.has(this.#token()?.word ?? '')) this.#next += 1
    let end = this.#end()
    const array = this.#brackets()
    if (!array) end = this.#end()
    const sql = this.#source.slice(first.start, end)
    return { type: checked(columnType(name, modifiers, { sql, array }), first), serial: isSerial(name) }
  }

  #typeName(): string {
    const long = LONG_NAMES.find((it) => this.#words(it.split(' ')))
    if (long) return long
    const first = this.#take()!
    let name = first.kind === 'quoted' ? first.text : first.word
    // A qualified name is a type of its own, except for Postgres's.
    while (this.#symbol('.')) {
      const part = this.#take()
      if (!part) throw this.#problem('A name has to follow ".".', first)
      name = name === 'pg_catalog' ? part.word : `${name}.${part.text}`
    }
    return name
  }

  #modifiers(): readonly number[] {
    if (!this.#symbol('(')) return []
    const modifiers: number[] = []
    let negative = false
    for (;;) {
      const token = this.#take()
      if (!token)
        throw new ParseProblem('KV040', this.#source.length, 'The "(" behind the type is not closed.')
      if (token.text === ')') return modifiers
      if (/^\d+$/.test(token.text)) modifiers.push(negative ? -Number(token.text) : Number(token.text))
      negative = token.text === '-'
    }
  }

  #zone(name: string): string {
    if (name !== 'timestamp' && name !== 'time') return ''
    if (this.#words(['with', 'time', 'zone'])) return ' with time zone'
    this.#words(['without', 'time', 'zone'])
    return ''
  }

  #brackets(): boolean {
    if (this.#words(['array'])) return true
    let array = false
    while (this.#symbol('[')) {
      if (/^\d+$/.test(this.#token()?.text ?? '')) this.#next += 1
      if (!this.#symbol(']')) throw this.#problem('The "[" is not closed.', this.#token())
      array = true
    }
    return array
  }

  #constraint(found: {
    notNull: boolean
    identity: boolean
    generated: boolean
    default: string | undefined
  }): void {
    const token = this.#token()!
    if (this.#words(['not', 'null'])) found.notNull = true
    else if (this.#words(['null'])) {
      if (found.notNull) throw this.#problem('The column cannot be NULL and NOT NULL.', token)
    } else if (this.#words(['default'])) {
      if (found.default !== undefined) throw this.#problem('The column has two defaults.', token)
      found.default = this.#expression(token)
    } else if (this.#words(['generated'])) this.#generated(found, token)
    else if (this.#words(['collate'])) this.#take()
    else throw this.#elsewhere(token)
  }

  #generated(found: { notNull: boolean; identity: boolean; generated: boolean }, token: SqlToken): void {
    const byDefault = this.#words(['by', 'default'])
    if (!byDefault && !this.#words(['always']))
      throw this.#problem('Expected "generated always" or "generated by default".', token)
    if (!this.#words(['as'])) throw this.#problem('Expected "as" behind "generated always".', token)
    if (this.#words(['identity'])) {
      if (this.#token()?.text === '(') this.#group()
      found.identity = true
      found.notNull = true
      return
    }
    if (byDefault || this.#token()?.text !== '(')
      throw this.#problem('Expected "identity", or an expression in parentheses.', token)
    this.#group()
    if (!this.#words(['stored']) && !this.#words(['virtual']))
      throw this.#problem('Expected "stored" behind the expression.', token)
    found.generated = true
  }

  /** The SQL of a default: everything up to the next constraint. */
  #expression(from: SqlToken): string {
    const start = this.#token()
    if (!start) throw this.#problem('A value has to follow "default".', from)
    let end = start.end
    do {
      const token = this.#token()!
      if (token.text === '(') this.#group()
      else this.#next += 1
      end = this.#end()
    } while (this.#token() && !this.#beginsConstraint())
    return this.#source.slice(start.start, end)
  }

  #beginsConstraint(): boolean {
    const [token, after] = [this.#token()!, this.#tokens[this.#next + 1]]
    if (token.kind !== 'word') return false
    if (token.word === 'not') return after?.word === 'null'
    return CONSTRAINTS.has(token.word)
  }

  #group(): void {
    const open = this.#token()
    let depth = 0
    do {
      const token = this.#take()
      if (!token) throw this.#problem('The "(" is not closed.', open)
      if (token.text === '(') depth += 1
      if (token.text === ')') depth -= 1
    } while (depth > 0)
  }

  #elsewhere(token: SqlToken): ParseProblem {
    const place = PLACES[token.word]
    if (place) return this.#problem(`"${token.text}" does not belong into a column.`, token, place)
    return this.#problem(
      `${quote(token.text)} is not understood here.`,
      token,
      'Behind the type come: not null, default …, generated always as identity, generated always as (…) stored, collate ….',
    )
  }

  #words(words: readonly string[]): boolean {
    const found = words.every((word, i) => {
      const token = this.#tokens[this.#next + i]
      return token?.kind === 'word' && token.word === word
    })
    if (found) this.#next += words.length
    return found
  }

  #symbol(text: string): boolean {
    const found = this.#token()?.kind === 'symbol' && this.#token()!.text === text
    if (found) this.#next += 1
    return found
  }

  #token(): SqlToken | undefined {
    return this.#tokens[this.#next]
  }

  #take(): SqlToken | undefined {
    const token = this.#tokens[this.#next]
    if (token) this.#next += 1
    return token
  }

  /** Where the token before ends. */
  #end(): number {
    return this.#tokens[this.#next - 1]?.end ?? 0
  }

  #problem(message: string, token: SqlToken | undefined, hint?: string): ParseProblem {
    return new ParseProblem('KV040', token?.start ?? this.#source.length, message, hint)
  }
}

const INTERVAL_WORDS = new Set(['year', 'month', 'day', 'hour', 'minute', 'second', 'to'])
const CONSTRAINTS = new Set([
  'null',
  'default',
  'generated',
  'collate',
  'primary',
  'unique',
  'references',
  'check',
  'constraint',
])

const PLACES: Readonly<Record<string, string>> = {
  primary: 'Write "primary_key: [column]" beside "columns:".',
  unique: 'Write "unique: [[column]]" beside "columns:".',
  references: 'Write "references: [{ columns: [column], to: table(column) }]" beside "columns:".',
  check: 'Write "checks: [condition]" beside "columns:".',
  constraint: 'Constraints stand beside "columns:", under primary_key, unique, references and checks.',
}

/** Names of types that consist of several words, longest first. */
const LONG_NAMES = ['double precision', 'character varying', 'national character', 'bit varying']

function checked(type: ColumnType, at: SqlToken): ColumnType {
  const { base, length, precision, scale, fraction, dimensions } = type
  const refuse = (message: string) => new ParseProblem('KV040', at.start, message)
  if (length !== undefined && (length < 1 || length > 10_485_760))
    throw refuse(`${base} has 1 to 10485760 characters.`)
  if (precision !== undefined && (precision < 1 || precision > 1000))
    throw refuse('numeric has 1 to 1000 digits.')
  if (scale !== undefined && scale > 1000) throw refuse('numeric has at most 1000 digits behind the point.')
  if (fraction !== undefined && fraction > 6) throw refuse(`${base} keeps at most 6 digits of a second.`)
  if (dimensions !== undefined && (dimensions < 1 || dimensions > 16_000))
    throw refuse('vector has 1 to 16000 dimensions.')
  return type
}
