import { createHash } from 'node:crypto'
import { realpath, stat } from 'node:fs/promises'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { SourceError } from '../../errors.ts'
import { startsWith } from '../prefix.ts'
import { PageSize } from '../redis/page-size.ts'
import type { Cursor, Entry, Page, Selection, Source } from '../source.ts'
import { type Cell, openSqliteFile, type SqliteFile } from './file.ts'
import { BEGINNING, type Reached, readPlace, START, showPlace } from './place.ts'
import { rowJson } from './row-json.ts'
import { type Place, readPlace as readKey, rowKey, tablePrefix } from './row-key.ts'
import { askFor, readStored, type Stored } from './stored.ts'
import { listTables, quote, type SqliteTable } from './tables.ts'

/** How often a locked file is tried, and how long it is waited in between. */
const ATTEMPTS = 60
const WAIT_MILLIS = 500

interface Shape {
  readonly tables: readonly SqliteTable[]
  readonly virtual: readonly string[]
  readonly encoding: string
  /** Changes with every CREATE, ALTER, DROP, and with VACUUM, which may number rows anew. */
  readonly version: string
}

/** A SQLite database: every row of every table is an entry. */
export class SqliteSource implements Source {
  readonly label: string
  readonly #file: SqliteFile
  readonly #place: string
  readonly #signal: AbortSignal
  readonly #size = new PageSize()
  #shape: Shape
  #isClosed = false

  /** A scan from the end of another one gives what has changed since. */
  readonly goesOn: boolean
  readonly #changed: readonly string[]

  /** `changed`: columns that grow with every change of a row, the best first. Throws SourceError. */
  static async open(
    path: string,
    { label, signal, changed = [] }: { label: string; signal: AbortSignal; changed?: readonly string[] },
  ): Promise<SqliteSource> {
    const file = await openSqliteFile(path, label)
    try {
      const { dev, ino } = await stat(path)
      const place = digestOf(`${await realpath(path)}:${dev}:${ino}`)
      const shape = await patiently(() => shapeOf(file), signal)
      return new SqliteSource(file, { label, place, shape, signal, changed })
    } catch (error) {
      file.close()
      throw error
    }
  }

  private constructor(
    file: SqliteFile,
    it: {
      readonly label: string
      readonly place: string
      readonly shape: Shape
      readonly signal: AbortSignal
      readonly changed: readonly string[]
    },
  ) {
    this.#file = file
    this.label = it.label
    this.#place = it.place
    this.#shape = it.shape
    this.#signal = it.signal
    this.#changed = it.changed
    this.goesOn = it.changed.length > 0
  }

  /** What a scan of changes does not give. */
  get warnings(): readonly string[] {
    if (!this.goesOn) return []
    return [
      `${this.label} is read by what has changed (${this.#changed.join(', ')}) when a copy is made again: a row that was changed without a word there is not seen by that. The gate compares every row and tells it.`,
    ]
  }

  /** The file and the version of its tables. Rows may come and go: a place among them stays one. */
  async identity(): Promise<string> {
    this.#shape = await this.#patiently(() => shapeOf(this.#file))
    return `sqlite:${this.#place}:${this.#shape.version}`
  }

  /** Rows in the order of table and rowid (or primary key, where there is no rowid), which is where the cursor says it is. */
  async *scan({ prefix, want }: Selection, from: Cursor = START): AsyncGenerator<Page> {
    const place = readPlace(from, this.label)
    if (place === undefined) return
    const { at, since } = place
    const marks = new Map(place.marks)
    const { tables, virtual } = this.#shape
    const left = tables.filter((it) => at === undefined || compare(it.name, at.table) >= 0)
    for (const table of left) {
      const own = Buffer.from(tablePrefix(table.name))
      if (!startsWith(own, prefix) && !startsWith(prefix, own)) continue
      let after = table.name === at?.table ? at.after : undefined
      const change = changeOf(table, this.#changed)
      // Before the first row is read: what changes meanwhile is read once more.
      if (change && after === undefined) await this.#mark(table, change, marks)
      const from = change && since.has(table.name) ? { change, mark: since.get(table.name)! } : undefined
      for (;;) {
        const count = this.#size.count
        const rows = await this.#rows(table, { after, from, count })
        const entries = rows.flatMap((row) => wanted(row.entry, prefix, want))
        this.#size.learn(entries)
        after = rows.at(-1)?.order ?? after
        if (rows.length > 0)
          yield this.#page(entries, { at: { table: table.name, after: after! }, since, marks })
        if (rows.length < count) break
      }
    }
    // What they hold cannot be read as rows: they are listed, so that nobody forgets them.
    const listed = virtual.flatMap((name) => {
      const key = Buffer.from(tablePrefix(name))
      const entry: Entry = { key, type: 'unknown:virtual table', expiresAt: null, offset: 0, more: false }
      return wanted(entry, prefix, want)
    })
    await this.#breathe()
    yield this.#page(listed, { ...BEGINNING, marks })
  }

  async *read(keys: readonly Buffer[]): AsyncGenerator<Page> {
    const tables = this.#shape.tables.map((table) => ({
      table,
      prefix: Buffer.from(tablePrefix(table.name)),
    }))
    for (let at = 0; at < keys.length; ) {
      const some = keys.slice(at, at + this.#size.count)
      const entries: Entry[] = []
      for (const key of some) {
        const found = tables.find((it) => startsWith(key, it.prefix))
        const entry = found && (await this.#row(found.table, key, key.subarray(found.prefix.length)))
        if (entry) entries.push(entry)
      }
      await this.#breathe()
      this.#size.learn(entries)
      if (entries.length > 0) yield { entries, expired: 0 }
      at += some.length
    }
  }

  async count(): Promise<number> {
    let sum = this.#shape.virtual.length
    for (const { name } of this.#shape.tables) {
      const [[count] = []] = await this.#all(`SELECT count(*) FROM ${quote(name)}`)
      sum += Number(count)
    }
    return sum
  }

  /** Nobody bills for reading a file. */
  commands(): number {
    return 0
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#file.close()
  }

  // Where the place is too long to be kept, the next one will do.
  #page(entries: readonly Entry[], place: Reached): Page {
    const cursor = showPlace(place, this.goesOn)
    return cursor.length > (this.goesOn ? LONGEST_MARKED : LONGEST)
      ? { entries, expired: 0 }
      : { entries, expired: 0, cursor }
  }

  async #mark(table: SqliteTable, change: Change, marks: Map<string, Cell>): Promise<void> {
    const [[mark = null] = []] = await this.#all(`SELECT max(${change.sql}) FROM ${quote(table.name)}`)
    if (mark === null) marks.delete(table.name)
    else marks.set(table.name, mark)
  }

  async #rows(
    table: SqliteTable,
    {
      after,
      from,
      count,
    }: {
      readonly after: readonly Cell[] | undefined
      readonly from: { readonly change: Change; readonly mark: Cell } | undefined
      readonly count: number
    },
  ): Promise<Row[]> {
    const { order } = table
    const conditions = [
      ...(after ? [`(${order.join(', ')}) > (${order.map(() => '?').join(', ')})`] : []),
      ...(from ? [changedSince(from.change)] : []),
    ]
    const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''
    const rows = await this.#all(`${select(table)} ${where} ORDER BY ${order.join(', ')} LIMIT ${count}`, [
      ...(after ?? []),
      ...(from ? [from.mark] : []),
    ])
    return rows.map((cells) => this.#readRow(table, cells))
  }

  async #row(table: SqliteTable, key: Buffer, rest: Buffer): Promise<Entry | undefined> {
    const place = readKey(table, rest)
    if (!place) return undefined
    const { sql, parameters } = whereOf(table, place, this.#shape.encoding)
    const rows = await this.#all(`${select(table)} WHERE ${sql}`, parameters)
    return rows.map((cells) => this.#readRow(table, cells).entry).find((it) => it.key.equals(key))
  }

  #readRow(table: SqliteTable, cells: readonly Cell[]): Row {
    const { columns, key, order } = table
    const place = cells.slice(0, order.length)
    const values = readStored(cells.slice(order.length), this.#shape.encoding)
    const named = key.map((it) => values[columns.indexOf(it.name)]!)
    return {
      order: place,
      entry: {
        key: rowKey(table, named, place[0] as Stored),
        type: 'string',
        value: { type: 'string', bytes: rowJson(columns, values) },
        expiresAt: null,
        offset: 0,
        more: false,
      },
    }
  }

  async #all(sql: string, parameters: readonly Cell[] = []): Promise<Cell[][]> {
    await this.#breathe()
    return this.#patiently(() => this.#file.all(sql, parameters))
  }

  #patiently<T>(work: () => T): Promise<T> {
    return patiently(() => {
      this.#check()
      return work()
    }, this.#signal)
  }

  // Reading is synchronous: whoever wants to stop it gets a word in between.
  async #breathe(): Promise<void> {
    await turn()
    this.#check()
  }

  #check(): void {
    this.#signal.throwIfAborted()
    if (this.#isClosed)
      throw new SourceError('SOURCE_CLOSED', `${this.label} was closed while it was being read.`)
  }
}

interface Row {
  /** Values of what rows are ordered by. */
  readonly order: readonly Cell[]
  readonly entry: Entry
}

/** Characters of a place; those with marks of every table take more. */
const LONGEST = 300
const LONGEST_MARKED = 16_000

/** What grows with every change of a row, as SQL; `isNew`: with every row that is added, and no two rows have the same. */
interface Change {
  readonly sql: string
  readonly isNew: boolean
}

// Rows of the same moment may have come later, and nobody knows when one without a moment did.
const changedSince = ({ sql, isNew }: Change): string =>
  isNew ? `${sql} > ?` : `(${sql} >= ? OR ${sql} IS NULL)`

/** What tells that a row of the table has changed; undefined: the table is read whole each time. */
function changeOf({ columns, order }: SqliteTable, changed: readonly string[]): Change | undefined {
  for (const name of changed) {
    const column = columns.find((it) => it.toLowerCase() === name.toLowerCase())
    if (column !== undefined) return { sql: quote(column), isNew: false }
    if (name.toLowerCase() === 'rowid' && order.length === 1 && /^(rowid|_rowid_|oid)$/.test(order[0]!))
      return { sql: order[0]!, isNew: true }
  }
  return undefined
}

// Every result column has a name of its own: a library that gives rows as objects would drop the others.
const select = ({ name, columns, order }: SqliteTable): string =>
  `SELECT ${[...order, ...columns.flatMap((it) => askFor(quote(it)))].map((sql, index) => `${sql} AS c${index}`).join(', ')} FROM ${quote(name)}`

function whereOf(
  { order, key }: SqliteTable,
  place: Place,
  encoding: string,
): { sql: string; parameters: Cell[] } {
  if (place.kind === 'rowid') return { sql: `${order[0]} = ?`, parameters: [place.rowid] }
  const parameters = place.values.map((it): Cell => {
    if (it === null || typeof it !== 'object') return it
    return it.kind === 'text' && encoding !== 'UTF-8' ? it.bytes.toString() : it.bytes
  })
  const sql = key.map(({ name }, index) => {
    const value = place.values[index]
    const isBytes =
      value !== null && typeof value === 'object' && value?.kind === 'text' && encoding === 'UTF-8'
    return `${quote(name)} = ${isBytes ? 'CAST(? AS TEXT)' : '?'}`
  })
  return { sql: sql.join(' AND '), parameters }
}

function wanted(entry: Entry, prefix: Buffer, want: Selection['want']): Entry[] {
  const answer = startsWith(entry.key, prefix) ? want(entry.key) : 'nothing'
  if (answer === 'nothing') return []
  if (answer === 'entry') return [entry]
  const { value: _, ...bare } = entry
  return [bare]
}

function shapeOf(file: SqliteFile): Shape {
  const [[encoding] = []] = file.all('PRAGMA encoding')
  const [[version] = []] = file.all('PRAGMA schema_version')
  return { ...listTables(file), encoding: String(encoding), version: String(version) }
}

async function patiently<T>(work: () => T, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      return work()
    } catch (error) {
      if (!(error instanceof SourceError && error.code === 'SOURCE_BUSY') || attempt === ATTEMPTS) throw error
      await delay(WAIT_MILLIS, undefined, { signal }).catch(() => {})
    }
  }
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 24)

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
