import type { SqliteFile } from './file.ts'

/** A table, and how its rows are named and walked. */
export interface SqliteTable {
  readonly name: string
  readonly columns: readonly string[]
  /** What names a row: the columns of the primary key, or none, where only the rowid does. */
  readonly key: readonly KeyColumn[]
  /** What rows are ordered by, unique and never NULL: SQL expressions. */
  readonly order: readonly string[]
}

export interface KeyColumn {
  readonly name: string
  /** Turns whatever is stored into text (but for blobs): then a text and a number cannot look alike. */
  readonly isText: boolean
  /** Leaves what is stored as it is: then `1` and `'1'` are two. */
  readonly isAny: boolean
}

export interface Listed {
  readonly tables: readonly SqliteTable[]
  /** Virtual tables: what they hold can only be had by their own means. */
  readonly virtual: readonly string[]
}

/** The tables of a database, in the order of their names' bytes. Views show what tables hold, and are left out; so are SQLite's own tables. */
export function listTables(file: SqliteFile): Listed {
  const found = file.all(`SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main'`)
  const named = found.map(([name, type, wr]) => ({
    name: String(name),
    type,
    isWithoutRowid: Number(wr) === 1,
  }))
  const own = named.filter(({ name, type }) => type === 'table' && !name.startsWith('sqlite_'))
  return {
    tables: own
      .map((it) => readTable(file, it.name, it.isWithoutRowid))
      .sort((a, b) => compare(a.name, b.name)),
    virtual: named.flatMap(({ name, type }) => (type === 'virtual' ? [name] : [])).sort(compare),
  }
}

export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

function readTable(file: SqliteFile, name: string, isWithoutRowid: boolean): SqliteTable {
  const columns = file
    .all('SELECT name, type, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1', [name])
    .map(([column, type, pk]) => ({
      name: String(column),
      type: String(type).toUpperCase(),
      place: Number(pk),
    }))
  const key = columns.filter(({ place }) => place > 0).sort((a, b) => a.place - b.place)
  // A column may bear the name of the rowid: then one of its other names is free, or it is the rowid itself.
  const names = new Set(columns.map((it) => it.name.toLowerCase()))
  const rowid = ['rowid', '_rowid_', 'oid'].find((it) => !names.has(it)) ?? 'rowid'
  return {
    name,
    columns: columns.map((it) => it.name),
    key: key.map(({ name: column, type }) => ({ name: column, ...affinity(type) })),
    order: isWithoutRowid ? key.map((it) => quote(it.name)) : [rowid],
  }
}

// https://www.sqlite.org/datatype3.html, 3.1
function affinity(type: string): Omit<KeyColumn, 'name'> {
  if (type.includes('INT')) return { isText: false, isAny: false }
  if (/CHAR|CLOB|TEXT/.test(type)) return { isText: true, isAny: false }
  return { isText: false, isAny: type === '' || type.includes('BLOB') || type === 'ANY' }
}
