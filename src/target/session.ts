import { copyFrames } from './copy-frames.ts'
import { OWN_MARK } from './own-mark.ts'
import type { Statement } from './target.ts'
import {
  closePortal,
  type ExtendedQuery,
  executePortal,
  extendedQueries,
  type Parameter,
  type Response,
  simpleQuery,
  textRows,
  type Wire,
} from './wire.ts'

/** Rows as text, by column name. */
export type TextRow = Readonly<Record<string, string | null>>

/** The statements of one transaction, one after the other, in the order they were asked for. */
export class Session {
  readonly #wire: Wire
  readonly #explain: (cause: unknown) => Error
  #turn: Promise<unknown> = Promise.resolve()
  #portals = 0
  #over = false
  #begin: readonly string[] = []
  #last: ExtendedQuery[] = []
  #guard: { readonly millis: number; readonly cut: () => void } | undefined

  /** `explain` makes what is thrown out of a `ServerFault` or the driver's error. */
  constructor(wire: Wire, explain: (cause: unknown) => Error) {
    this.#wire = wire
    this.#explain = explain
  }

  /** Sends these statements, which begin a transaction, together with the first one that needs it: one way to the server for both. */
  begin(statements: readonly string[]): void {
    this.#begin = statements
  }

  /** From now on, an answer that does not come within so long is not waited for: `cut` makes the statement fail. */
  guard(millis: number, cut: () => void): void {
    this.#guard = { millis, cut }
  }

  /** Sends this statement together with COMMIT. */
  atEnd(statement: Statement): void {
    this.#last.push(text(statement.sql, statement.parameters))
  }

  /** From now on every statement is refused. */
  close(): void {
    this.#over = true
  }

  /** The last statement, COMMIT or ROLLBACK, after all that were asked for; gives its command tag. */
  async finish(sql: string): Promise<string> {
    this.close()
    const last = this.#last
    this.#last = []
    if (sql === 'COMMIT' && last.length > 0) {
      const messages = this.#messages([...last, { ...text(sql, []), sql }])
      return (await this.#inTurn(() => this.#wire.exchange(messages))).tag
    }
    // Nothing was asked for: the server knows of no transaction.
    if (this.#begin.length > 0) return sql
    return (await this.#inTurn(() => this.#wire.exchange(simpleQuery(sql)))).tag
  }

  /** One or several statements; the rows and the command tag of the last. */
  async run(sql: string): Promise<{ readonly rows: readonly TextRow[]; readonly tag: string }> {
    // Asked for at once, so that what is asked for next comes after both.
    const [, response] = await Promise.all([this.#flush(), this.#exchange(simpleQuery(own(sql)))])
    return whole(response)
  }

  /** One statement with parameters: text, numbers and booleans go as text, a Buffer in the type's binary format. */
  async query(
    sql: string,
    parameters: readonly unknown[],
  ): Promise<{ readonly rows: readonly TextRow[]; readonly tag: string }> {
    return whole(await this.#exchange(this.#messages([text(sql, parameters)])))
  }

  /** Several such statements, sent together and executed one after the other: the rows of each. One that fails ends them all. */
  async queries(statements: readonly Statement[]): Promise<readonly (readonly TextRow[])[]> {
    const queries = statements.map(({ sql, parameters }) => text(sql, parameters))
    const { results } = await this.#exchange(this.#messages(queries))
    return results.slice(-statements.length).map(textRows)
  }

  /**
   * Rows in binary, a page of about a megabyte at a time; the next page is fetched while one is looked at. Other statements may run in
   * between, and the caller may stop early: the rows stay in a portal of the transaction.
   */
  async *pages(sql: string, parameters: readonly unknown[]): AsyncGenerator<readonly Buffer[]> {
    const portal = `kvmig_${++this.#portals}`
    let rows = FIRST_PAGE_ROWS
    let next = this.#ahead(
      this.#messages([
        { sql: own(sql), parameters: parameters.map(asParameter), format: 'binary', portal, rows },
      ]),
    )
    let open = true
    try {
      while (open) {
        const { tuples, suspended } = await next
        open = suspended
        if (suspended) {
          rows = pageRows(tuples)
          next = this.#ahead(executePortal(portal, rows))
        }
        if (tuples.length > 0) yield tuples
      }
    } finally {
      // Even a portal that came to its end keeps its tables from being altered. The caller may have stopped early, or the transaction is
      // over: an error about the portal would tell nobody anything.
      const closed = this.#exchange(closePortal(portal)).catch(() => {})
      if (open) await closed
    }
  }

  /** `place`: the table with its columns, quoted. */
  async copyIn(place: string, tuples: Iterable<Buffer>): Promise<void> {
    this.#check()
    await Promise.all([this.#flush(), this.#inTurn(() => this.#wire.copyIn(place, copyFrames(tuples)))])
  }

  /** Statements, and what begins the transaction before the first of all. */
  #messages(queries: readonly ExtendedQuery[]): Buffer {
    const begin = this.#begin.map((sql) => text(sql, []))
    this.#begin = []
    return extendedQueries([...begin, ...queries])
  }

  async #flush(): Promise<void> {
    if (this.#begin.length > 0) await this.#exchange(this.#messages([]))
  }

  async #exchange(message: Buffer): Promise<Response> {
    this.#check()
    return this.#inTurn(() => this.#wire.exchange(message))
  }

  // A page asked for before it is wanted: its error is thrown when the caller comes for it, and is not "unhandled" until then.
  #ahead(message: Buffer): Promise<Response> {
    const response = this.#exchange(message)
    response.catch(() => {})
    return response
  }

  #check(): void {
    if (this.#over) throw new Error('this transaction is over')
  }

  async #guarded(work: () => Promise<Response>): Promise<Response> {
    if (!this.#guard) return work()
    const { millis, cut } = this.#guard
    let isSilent = false
    const timer = setTimeout(() => {
      isSilent = true
      this.close()
      cut()
    }, millis)
    try {
      return await work()
    } catch (cause) {
      throw isSilent ? new Silence(millis) : cause
    } finally {
      clearTimeout(timer)
    }
  }

  #inTurn(work: () => Promise<Response>): Promise<Response> {
    const result = this.#turn
      .then(() => this.#guarded(work))
      .then(
        (response) => {
          if (response.fault) throw this.#explain(response.fault)
          return response
        },
        (cause) => {
          throw this.#explain(cause)
        },
      )
    this.#turn = result.catch(() => {})
    return result
  }
}

/** The connection is there, and nobody speaks. */
class Silence extends Error {
  override readonly name = 'Silence'
  constructor(millis: number) {
    super(`no answer within ${millis} milliseconds`)
  }
}

const text = (sql: string, parameters: readonly unknown[]): ExtendedQuery => ({
  sql: own(sql),
  parameters: parameters.map(asParameter),
  format: 'text',
})

const whole = (response: Response) => ({ rows: textRows(response), tag: response.tag })

function asParameter(value: unknown): Parameter {
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value)
  // A Date would move with the machine's time zone and an array means one thing to jsonb and another to text[].
  throw new TypeError(
    'a parameter is text, a number, a boolean, a Buffer or null; write arrays with textArray()',
  )
}

const FIRST_PAGE_ROWS = 16
const PAGE_BYTES = 1 << 20
const MOST_PAGE_ROWS = 20_000

// Aims at a page of PAGE_BYTES, growing slowly: the next rows may be larger than the last.
function pageRows(tuples: readonly Buffer[]): number {
  const bytes = tuples.reduce((sum, it) => sum + it.length, 0)
  const wanted = Math.floor((tuples.length * PAGE_BYTES) / Math.max(bytes, 1))
  return Math.max(1, Math.min(wanted, tuples.length * 4, MOST_PAGE_ROWS))
}

// On a line of its own: what is asked may end with a comment.
const own = (sql: string): string => `${sql}${OWN_MARK}`
