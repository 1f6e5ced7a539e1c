import { createHash } from 'node:crypto'
import { realpath, stat } from 'node:fs/promises'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { SourceError } from '../../errors.ts'
import { startsWith } from '../prefix.ts'
import { PageSize } from '../redis/page-size.ts'
import type { Cursor, Entry, Page, Selection, Source } from '../source.ts'
import { type Cell, openSqliteFile, type SqliteFile } from './file.ts'
import { rowJson } from './row-json.ts'
import { type Place, readPlace, rowKey, tablePrefix } from './row-key.ts'
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

  static async open(path: string, label: string, signal: AbortSignal): Promise<SqliteSource> {
    const file = await openSqliteFile(path, label)
    try {
      const { dev, ino } = await stat(path)
      const place = digestOf(`${await realpath(path)}:${dev}:${ino}`)
      const shape = await patiently(() => shapeOf(file), signal)
      return new SqliteSource(file, { label, place, shape, signal })
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
    },
  ) {
    this.#file = file
    this.label = it.label
    this.#place = it.place
    this.#shape = it.shape
    this.#signal = it.signal
  }

  /** The file and the version of its tables. Rows may come and go: a place among them stays one. */
  async identity(): Promise<string> {
    this.#shape = await this.#patiently(() => shapeOf(this.#file))
    return `sqlite:${this.#place}:${this.#shape.version}`
  }

  /** Rows in the order of table and rowid (or primary key, where there is no rowid), which is where the cursor says it is. */
  async *scan({ prefix, want }: Selection, from: Cursor = START): AsyncGenerator<Page> {
    const start = this.#readCursor(from)
    if (start === END) return
    const { tables, virtual } = this.#shape
    const begun = start?.table
    const left = tables.filter((it) => begun === undefined || compare(it.name, begun) >= 0)
    for (const table of left) {
      const own = Buffer.from(tablePrefix(table.name))
      if (!startsWith(own, prefix) && !startsWith(prefix, own)) continue
      let after = table.name === begun ? start!.after : undefined
      for (;;) {
        const count = this.#size.count
        const rows = await this.#rows(table, after, count)
        const entries = rows.flatMap((row) => wanted(row.entry, prefix, want))
        this.#size.learn(entries)
        after = rows.at(-1)?.order ?? after
        if (rows.length > 0) yield pageOf(entries, cursorOf(table.name, after!))
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
    yield pageOf(listed, END)
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

  async #rows(table: SqliteTable, after: readonly Cell[] | undefined, count: number): Promise<Row[]> {
    const { order } = table
    const where = after ? `WHERE (${order.join(', ')}) > (${order.map(() => '?').join(', ')})` : ''
    const rows = await this.#all(
      `${select(table)} ${where} ORDER BY ${order.join(', ')} LIMIT ${count}`,
      after ?? [],
    )
    return rows.map((cells) => this.#readRow(table, cells))
  }

  async #row(table: SqliteTable, key: Buffer, rest: Buffer): Promise<Entry | undefined> {
    const place = readPlace(table, rest)
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

  #readCursor(from: Cursor): Reached | typeof END | undefined {
    if (from === START) return undefined
    if (from === END) return END
    try {
      const [table, ...after] = JSON.parse(Buffer.from(from, 'base64url').toString())
      if (typeof table === 'string' && after.length > 0)
        return { table, after: after.map((it: string) => readCell(it)) }
    } catch {
      // Told below.
    }
    throw new SourceError(
      'SOURCE_CURSOR',
      `What was kept as the place in ${this.label} is no place in a SQLite database.`,
    )
  }
}

interface Row {
  /** Values of what rows are ordered by. */
  readonly order: readonly Cell[]
  readonly entry: Entry
}

interface Reached {
  readonly table: string
  readonly after: readonly Cell[]
}

const START: Cursor = 'start'
const END = 'end'

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

// Where the place is too long to be kept, the next one will do.
const pageOf = (entries: readonly Entry[], cursor: Cursor): Page =>
  cursor.length > 300 ? { entries, expired: 0 } : { entries, expired: 0, cursor }

const cursorOf = (table: string, after: readonly Cell[]): Cursor =>
  Buffer.from(JSON.stringify([table, ...after.map(showCell)])).toString('base64url')

function showCell(cell: Cell): string {
  if (typeof cell === 'bigint') return `i${cell}`
  if (typeof cell === 'number') return `r${cell}`
  if (typeof cell === 'string') return `t${cell}`
  return `b${Buffer.from(cell ?? []).toString('base64')}`
}

function readCell(text: string): Cell {
  const rest = text.slice(1)
  if (text[0] === 'i') return BigInt(rest)
  if (text[0] === 'r') return Number(rest)
  return text[0] === 't' ? rest : Buffer.from(rest, 'base64')
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
