import { asksBeforeClaiming, type Mapping } from '../plan/plan.ts'
import { UNANSWERED } from '../sources/question.ts'
import type { Entry } from '../sources/source.ts'
import { type Cell, type Reject, RejectError, type Value } from '../value.ts'
import type { ToCell } from './column.ts'
import type { Evaluate } from './expression.ts'
import { type FieldTree, findUntaken } from './field-tree.ts'
import { isMatch, type KeyMatcher } from './key-match.ts'
import type { KeySpans } from './key-spans.ts'
import type { Claimed, CompiledMapping, Part, RecordSink } from './mapping.ts'
import { RecordScope, type RecordVisitor } from './record.ts'
import type { Records } from './records.ts'
import type { RowBytes, Straight } from './straight.ts'
import type { Where } from './where.ts'

export interface ForwardParts {
  readonly mapping: Mapping
  readonly matcher: KeyMatcher
  /** The short way to do the same, where the pattern has one. */
  readonly spans: KeySpans | undefined
  readonly records: Records
  readonly where: Where | undefined
  /** Names, in order. */
  readonly columns: readonly string[]
  readonly evaluators: readonly Evaluate[]
  readonly converters: readonly ToCell[]
  /** The short way, for sinks that take bytes. */
  readonly straight: Straight | undefined
  /** What need not be reported as unmapped: of a record, and of the whole that a path of `each` goes into. */
  readonly taken: { readonly record: FieldTree; readonly whole: FieldTree }
  /** Fields that decoding passes over on purpose. */
  readonly dropped: ReadonlySet<string> | 'all'
  /** Does somebody take the expiries of a hash's fields, or drop them by name? */
  readonly takesFieldExpiry: boolean
}

/** Puts the compiled parts together into the way from an entry to rows. */
export function compileForward(parts: ForwardParts): CompiledMapping['forward'] {
  const run = new Run(parts)
  return (entry, sink) => run.entry(entry, sink)
}

/**
 * Goes over the records of an entry only to ask what they need to know: `asking` are the columns with lookups. What cannot be made of a
 * record does not matter yet.
 */
export function compileAsk(
  { matcher, records, where }: Pick<ForwardParts, 'matcher' | 'records' | 'where'>,
  asking: readonly Evaluate[],
): NonNullable<CompiledMapping['ask']> {
  const scope = new RecordScope()
  const attempt = <T>(compute: () => T): T | undefined => {
    try {
      return compute()
    } catch (error) {
      if (error === UNANSWERED || error instanceof RejectError) return undefined
      throw error
    }
  }
  const take = () => {
    if (where && attempt(() => where(scope)) !== true) return
    for (const evaluate of asking) attempt(() => evaluate(scope))
  }
  const visitor: RecordVisitor = {
    json: () => false,
    hash: () => false,
    take,
    refuse: () => {},
    whole: () => {},
    dropped: () => {},
  }
  return (entry) => {
    const captures = matcher.match(entry.key.toString('latin1'))
    if (!isMatch(captures)) return
    scope.begin(entry, captures)
    attempt(() => records(scope, entry, visitor))
  }
}

/** One entry at a time goes through it: the state is that of the entry under way. */
class Run implements RecordVisitor {
  readonly #parts: ForwardParts
  readonly #scope = new RecordScope()
  readonly #filtersEntries: boolean
  /** Its `where` is about the key: asked once, before the records. */
  readonly #asksOnce: boolean
  #sink!: RecordSink
  #claimed: Claimed = 'claimed'

  constructor(parts: ForwardParts) {
    this.#parts = parts
    this.#filtersEntries = asksBeforeClaiming(parts.mapping)
    this.#asksOnce = parts.mapping.each !== undefined && this.#filtersEntries
  }

  entry(entry: Entry, sink: RecordSink): Claimed {
    const { records, spans, takesFieldExpiry } = this.#parts
    this.#sink = sink
    this.#claimed = 'claimed'
    const isUsual = spans?.find(entry.key, this.#scope.spans) ?? false
    this.#scope.begin(entry, isUsual ? this.#capture : this.#capture(entry.key))
    if (this.#asksOnce && !this.#fits(entry)) return this.#claimed
    records(this.#scope, entry, this)
    if (!takesFieldExpiry && this.#claimed === 'claimed' && hasFieldExpiry(entry))
      this.#tell('$field_expires_at')
    return this.#claimed
  }

  readonly #capture = (key: Buffer): readonly Value[] => {
    const captures = this.#parts.matcher.match(key.toString('latin1'))
    if (!isMatch(captures)) throw new Error('the router gave a key to a mapping that does not match it')
    return captures
  }

  /** Asks about the key. Parts of a big collection are asked alike; a question that fails is told once. */
  #fits({ offset }: Entry): boolean {
    try {
      if (this.#parts.where?.(this.#scope)) return true
      this.#claimed = 'filtered'
    } catch (error) {
      if (!(error instanceof RejectError)) throw error
      if (offset === 0) this.refuse(error, () => '')
    }
    return false
  }

  readonly json = (bytes: Buffer, part: () => Part): boolean => {
    const rows = this.#sink.bytes
    if (!rows || !this.#parts.straight) return false
    rows.begin()
    return this.#done(this.#parts.straight.json(this.#scope, bytes, rows), rows, part)
  }

  readonly hash: RecordVisitor['hash'] = (value, part) => {
    const rows = this.#sink.bytes
    if (!rows || !this.#parts.straight) return false
    rows.begin()
    return this.#done(this.#parts.straight.hash(this.#scope, value, rows), rows, part)
  }

  #done(isWritten: boolean, rows: RowBytes, part: () => Part): boolean {
    if (isWritten) {
      rows.end()
      this.#sink.wrote!(part)
    } else {
      rows.cancel()
    }
    return isWritten
  }

  readonly take = (part: () => Part): void => {
    const { where, columns, evaluators, converters, taken } = this.#parts
    const scope = this.#scope
    const cells: Cell[] = new Array(columns.length)
    let column = -1
    try {
      if (where && !this.#asksOnce && !where(scope)) {
        if (this.#filtersEntries) this.#claimed = 'filtered'
        else if (this.#parts.mapping.otherwise) this.#sink.reject(NOT_WANTED, part)
        else this.#sink.filtered(part)
        return
      }
      for (column = 0; column < cells.length; column++) {
        cells[column] = converters[column]!(evaluators[column]!(scope))
      }
    } catch (error) {
      if (!(error instanceof RejectError)) throw error
      this.refuse(error, part, columns[column])
      return
    }
    const { value } = scope
    this.#sink.row(cells, part)
    findUntaken(value, taken.record, this.#tell)
  }

  readonly refuse = ({ code, message }: RejectError, part: () => Part, column?: string): void => {
    this.#sink.reject({ code, message, ...(column !== undefined && { column }) }, part)
  }

  readonly whole = (value: Value): void => {
    findUntaken(value, this.#parts.taken.whole, this.#tell)
  }

  readonly dropped = (field: string): void => {
    const { dropped } = this.#parts
    if (dropped !== 'all' && !dropped.has(field)) this.#sink.unmapped(field)
  }

  readonly #tell = (field: string): void => this.#sink.unmapped(field)
}

/** What `where` says no to, in a mapping that wants it told. */
export const NOT_WANTED: Reject = {
  code: 'NOT_WANTED',
  message: 'The condition under "where:" says no, and no other rule has it.',
}

const hasFieldExpiry = ({ value }: Entry): boolean =>
  value?.type === 'hash' && value.expiries !== undefined && value.expiries.some((it) => it !== null)
