import { SourceError } from '../../errors.ts'

/**
 * What SQLite, by either of its libraries, says went wrong, as a SourceError. Its own words are not handed on: they may quote the data.
 */
export function explainSqlite(label: string, error: unknown): SourceError {
  if (error instanceof SourceError) return error
  const { code, errcode, rawCode, message } = error as {
    code?: unknown
    errcode?: unknown
    rawCode?: unknown
    message?: unknown
  }
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND')
    return new SourceError(
      'SOURCE_LIBRARY',
      'This Node has no SQLite of its own, and the package libsql is not installed.',
      {
        hint: 'npm install libsql, or run kvmig with Node 22.5 or newer.',
      },
    )
  // An extended code has the plain one in its lowest byte.
  const number = [errcode, rawCode].find((it) => typeof it === 'number') as number | undefined
  const named = typeof code === 'string' ? NUMBERS[code] : undefined
  const opened = typeof message === 'string' ? /: (\d+)"?\)?$/.exec(message)?.[1] : undefined
  const plain = (number ?? named ?? Number(opened ?? 0)) & 0xff
  const known = KNOWN[plain]
  if (known) return new SourceError(known.code, `${label} ${known.says}.`, { hint: known.hint })
  return new SourceError(
    'SOURCE_SQLITE',
    `${label} cannot be read: SQLite answers with error ${plain || 'unknown'}.`,
    {
      hint: 'Make a copy of it with sqlite3 app.db ".backup copy.db", and read that.',
    },
  )
}

const BUSY = 5
const NUMBERS: Readonly<Record<string, number>> = {
  SQLITE_BUSY: BUSY,
  SQLITE_LOCKED: 6,
  SQLITE_READONLY: 8,
  SQLITE_IOERR: 10,
  SQLITE_CORRUPT: 11,
  SQLITE_CANTOPEN: 14,
  SQLITE_NOTADB: 26,
}

interface Explanation {
  readonly code: string
  readonly says: string
  readonly hint: string
}

const LOCKED: Explanation = {
  code: 'SOURCE_BUSY',
  says: 'is locked by somebody who writes to it',
  hint: 'Run the same again when that is over. PRAGMA journal_mode = WAL lets others read meanwhile.',
}
const UNFINISHED: Explanation = {
  code: 'SOURCE_FILE',
  says: 'cannot be opened for reading: beside it is a journal or a WAL that has to be written to first, or its folder may not be entered',
  hint: 'A file that was copied while it was in use needs its -wal beside it, in a folder that can be written to. Better: sqlite3 app.db ".backup copy.db", and read the copy.',
}
const BROKEN: Explanation = {
  code: 'SOURCE_FORMAT',
  says: 'is damaged, or was copied while it was written to',
  hint: 'sqlite3 app.db "PRAGMA integrity_check" says more. Make a copy with sqlite3 app.db ".backup copy.db", and read that.',
}
const KNOWN: Readonly<Record<number, Explanation>> = {
  [BUSY]: LOCKED,
  6: LOCKED,
  8: UNFINISHED,
  10: BROKEN,
  11: BROKEN,
  14: UNFINISHED,
  26: {
    code: 'SOURCE_FORMAT',
    says: 'is no SQLite database, or an encrypted one',
    hint: 'Is it the right file? An encrypted one has to be decrypted into a copy first.',
  },
}
