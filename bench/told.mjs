// A source that can tell what changed: the rows of a shape in a SQLite database, each with the number of its last change.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const openDatabase = await import('libsql').then(
  ({ default: Database }) =>
    (file) =>
      new Database(file),
  () => undefined,
)

/** Why there can be none; undefined: there can. */
export const missingSqlite = openDatabase
  ? undefined
  : 'the package libsql, which writes the database, is not installed'

/** A project with the database as its source: `{ folder, change, close }`; `change` touches so many rows. */
export function openTold({ keys, shape, newFolder }) {
  const folder = newFolder()
  const columns = shape.columns.split(', ').map((it) => it.split(' '))
  const names = columns.map(([name]) => name)
  const database = openDatabase(join(folder, 'records.db'))
  database.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
    CREATE TABLE records (${columns.map(([name, type], at) => `${name} ${KINDS[type] ?? 'TEXT'}${at === 0 ? ' PRIMARY KEY NOT NULL' : ''}`).join(', ')}, changed INTEGER)`,
  )
  const write = database.prepare(
    `INSERT OR REPLACE INTO records VALUES (${columns.map(() => '?').join(', ')}, ?)`,
  )
  let changes = 0
  /** The records from one number to another, each with the values of the one that many places further. */
  const put = (from, to, { values = 0 } = {}) => {
    database.exec('BEGIN')
    for (let i = from; i < to; i++) {
      const [key] = shape.row(i)
      const row = [key, ...shape.row(i + values).slice(1)]
      write.run([...row.map((it, at) => (KINDS[columns[at][1]] ? BigInt(it) : it)), ++changes])
    }
    database.exec('COMMIT')
  }
  put(0, keys)
  // An index makes it cheap to ask what changed since.
  database.exec('CREATE INDEX records_changed ON records (changed)')
  mkdirSync(join(folder, 'plans'))
  writeFileSync(
    join(folder, 'migrations.yaml'),
    'version: 1\nsources: { db: { url: "sqlite:./records.db", changed: changed } }\ntarget: ${DATABASE_URL}\nplans: plans/*.yaml\n',
  )
  writeFileSync(
    join(folder, 'plans', 'told.yaml'),
    `version: 1
plan: told
source: db
mappings:
  - match: records:{_}
    type: string
    decode: json
    into: ${shape.table}
    key: [${names[0]}]
    fields: { ${columns.map(([name, type]) => `${name}: ${name}${WAYS[type] ?? ''}`).join(', ')} }
    unmapped: { drop: [changed], because: it only says when }
tables:
  ${shape.table}:
    columns: { ${columns.map(([name, type]) => `${name}: ${type}${name === names[0] ? '' : ' not null'}`).join(', ')} }
    primary_key: [${names[0]}]
`,
  )
  return {
    folder,
    change: (some) => put(0, some, { values: some }),
    close: () => {
      database.close()
      rmSync(folder, { recursive: true })
    },
  }
}

const KINDS = { integer: 'INTEGER', bigint: 'INTEGER' }
const WAYS = { timestamptz: ' | iso', boolean: ' | bool' }
