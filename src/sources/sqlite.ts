import { resolve } from 'node:path'
import type { SourceAdapter } from './source.ts'

/**
 * A SQLite database, `sqlite:./app.db`: each row is an entry, its key `table:primary key`, its value a JSON object of its columns. Read with
 * Node's own SQLite, or with libsql, without a lock that would keep others from writing for longer than a page takes.
 */
export const sqlite: SourceAdapter = {
  name: 'sqlite',
  schemes: ['sqlite'],
  summary: 'A SQLite database: each row a JSON object under `table:key`.',
  lacks: {
    types: 'every value is one text',
    bytes: 'blobs come in base64',
    expiry: 'nothing expires there',
  },
  options: {
    type: 'object',
    additionalProperties: false,
    properties: {
      changed: {
        type: 'string',
        description:
          'Columns that grow with every change of a row, such as updated_at, or rowid where rows are only added; of several, with commas in between, each table has the first it knows. A copy that is made again then reads what has changed.',
      },
    },
  },
  async open(address, { root, signal, options }) {
    const path = address.replace(/^sqlite:(\/\/(?=\/))?/i, '')
    const changed = (options?.changed ?? '')
      .split(',')
      .map((it) => it.trim())
      .filter((it) => it !== '')
    const { SqliteSource } = await import('./sqlite/sqlite-source.ts')
    return SqliteSource.open(resolve(root, path), { label: `sqlite:${path}`, signal, changed })
  },
}
