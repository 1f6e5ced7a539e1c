import { stat } from 'node:fs/promises'
import { SourceError } from '../../errors.ts'
import { explainSqlite } from './explain.ts'

/** A value as SQLite's five storage classes have it; a text is asked for as its bytes. */
export type Cell = null | bigint | number | string | Uint8Array

/** A database file, open for reading only. */
export interface SqliteFile {
  /** Rows as arrays. Throws SourceError. */
  all(sql: string, parameters?: readonly Cell[]): Cell[][]
  close(): void
}

/**
 * Opens the file with Node's own SQLite where this Node has it (22.5 and newer), else with libsql. Neither can write to it. Throws
 * SourceError SOURCE_FILE and what `explainSqlite` knows.
 */
export async function openSqliteFile(path: string, label: string): Promise<SqliteFile> {
  await requireFile(path, label)
  try {
    return guarded((await openWithNode(path)) ?? (await openWithLibsql(path)), label)
  } catch (error) {
    throw explainSqlite(label, error)
  }
}

function guarded(file: SqliteFile, label: string): SqliteFile {
  return {
    all: (sql, parameters) => {
      try {
        return file.all(sql, parameters)
      } catch (error) {
        throw explainSqlite(label, error)
      }
    },
    close: () => file.close(),
  }
}

// Before it is opened, so that nothing is made where nothing is.
async function requireFile(path: string, label: string): Promise<void> {
  const why = await stat(path).then(
    (it) => (it.isFile() ? undefined : 'it is no file'),
    ({ code }: NodeJS.ErrnoException) =>
      code === 'ENOENT' ? 'there is no such file' : 'this user may not read it',
  )
  if (why !== undefined)
    throw new SourceError('SOURCE_FILE', `${label} cannot be read: ${why} (${path}).`, {
      hint: 'Relative paths begin at the folder of the project file.',
    })
}

async function openWithNode(path: string): Promise<SqliteFile | undefined> {
  const sqlite = await importQuietly()
  if (!sqlite) return undefined
  const database = new sqlite.DatabaseSync(path, { readOnly: true })
  database.exec(SETTINGS)
  return {
    all: (sql, parameters = []) => {
      const statement = database.prepare(sql)
      statement.setReadBigInts(true)
      return statement.all(...parameters).map((row) => Object.values(row as Record<string, Cell>))
    },
    close: () => database.close(),
  }
}

async function openWithLibsql(path: string): Promise<SqliteFile> {
  const { default: Database } = (await import('libsql')) as unknown as { default: LibsqlConstructor }
  // As a URI: the option `readonly` would still write, and make a file that is not there.
  const database = new Database(`file:${path.replace(/[%?#]/g, (it) => encodeURIComponent(it))}?mode=ro`)
  database.exec(SETTINGS)
  return {
    all: (sql, parameters = []) => {
      const statement = database.prepare(sql)
      statement.raw(true)
      statement.safeIntegers(true)
      return statement.all([...parameters])
    },
    close: () => database.close(),
  }
}

/** A short wait in the file's own locks: what waits there waits with all of the process. */
const SETTINGS = 'PRAGMA busy_timeout = 50; PRAGMA query_only = ON'

interface NodeSqlite {
  readonly DatabaseSync: new (
    path: string,
    options: { readOnly: true },
  ) => {
    exec(sql: string): void
    prepare(sql: string): {
      setReadBigInts(on: boolean): void
      all(...parameters: readonly Cell[]): unknown[]
    }
    close(): void
  }
}

type LibsqlConstructor = new (
  path: string,
) => {
  exec(sql: string): void
  prepare(sql: string): {
    raw(on: boolean): void
    safeIntegers(on: boolean): void
    all(parameters: readonly Cell[]): Cell[][]
  }
  close(): void
}

// It says on stderr that it is experimental: whoever runs a migration need not hear it.
async function importQuietly(): Promise<NodeSqlite | undefined> {
  const { emitWarning } = process
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (!String(warning).includes('SQLite is an experimental feature'))
      (emitWarning as (...all: unknown[]) => void).call(process, warning, ...rest)
  }
  try {
    // Not known to the types of the oldest Node that this runs on.
    const name = 'node:sqlite'
    return (await import(name)) as NodeSqlite
  } catch {
    return undefined
  } finally {
    process.emitWarning = emitWarning
  }
}
