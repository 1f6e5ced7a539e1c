import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { EXIT, KvmigError } from '../../errors.ts'
import { keepPrivate, writeText } from '../files.ts'
import type { Io } from '../io.ts'
import { type Preset, presetNamed } from '../presets.ts'

export interface InitOptions {
  readonly force?: boolean | undefined
  /** Write this plan instead of the example; a project that is there stays. */
  readonly preset?: string | undefined
}

/** Writes a project file and an example plan, or one of a preset, that `kvmig plan` and `kvmig test` accept as they are. */
export async function run({ force, preset }: InitOptions, { cwd, stdout }: Io): Promise<number> {
  const schema = findSchema(cwd)
  const chosen = preset === undefined ? undefined : presetNamed(preset)
  const begun = existsSync(join(cwd, 'migrations.yaml'))
  const files = chosen ? presetFiles(chosen, begun) : [PROJECT_FILE, EXAMPLE]
  const there = files.find(({ path }) => existsSync(join(cwd, path)))
  if (there && !force) {
    throw new KvmigError('FILE_EXISTS', `There is a ${there.path} already.`, {
      hint: 'Use --force to write over it, or --cwd to begin in another folder.',
    })
  }
  for (const { path, text } of files) {
    const file = join(cwd, path)
    const modeline = schema ? `# yaml-language-server: $schema=${relative(dirname(file), schema)}\n` : ''
    mkdirSync(dirname(file), { recursive: true })
    writeText(file, path.endsWith('.yaml') ? modeline + text : text)
  }
  keepPrivate(join(cwd, '.kvmig'))

  const width = Math.max(...files.map(({ path }) => path.length))
  const written = files.map(({ path, what }) => `Wrote ${path.padEnd(width)}   ${what}\n`).join('')
  stdout.write(`${written}${chosen ? nextOf(chosen, begun) : NEXT}`)
  return EXIT.done
}

interface NewFile {
  readonly path: string
  readonly what: string
  readonly text: string
}

const presetFiles = ({ name, says, text, schema }: Preset, begun: boolean): readonly NewFile[] => [
  ...(begun
    ? []
    : [schema === undefined ? PROJECT_FILE : { ...PROJECT_FILE, text: withSchema(`${name}.sql`) }]),
  { path: `plans/${name}.yaml`, what: says, text },
  ...(schema === undefined
    ? []
    : [
        {
          path: `${name}.sql`,
          what: 'the tables of the library, as far as the plan fills them',
          text: schema,
        },
      ]),
]

const withSchema = (file: string): string => PROJECT.replace(/^plans: .*$/m, `$&\nschema: ${file}`)

const nextOf = ({ name, schema }: Preset, begun: boolean): string => `
The plan is yours now: change prefixes and names where yours differ.
${schema !== undefined && begun ? `migrations.yaml was there: add the line  schema: ${name}.sql  or append that file to the one it names.\n` : ''}Next:
  kvmig plan        what would happen; needs no store
  kvmig plan --live what it makes of your keys: put KV_URL=redis://... into .env
`

const NEXT = `
Next:
  kvmig plan        what would happen; needs no store
  kvmig test        the example at the end of plans/users.yaml

With your own data: put KV_URL=redis://... (or rdb:./dump.rdb; 'upstash:' in migrations.yaml) into .env, then
  kvmig inspect     the keys that are there, by pattern
  kvmig plan --live what your plans make of them
`

const PROJECT = `version: 1

sources:
  kv: \${KV_URL:-rdb:./dump.rdb}              # redis://, rediss://, 'upstash:', 'replit:', sqlite:./app.db, rdb: (a Redis backup), ndjson:

target: \${DATABASE_URL:-pglite:./.kvmig/pg}  # embedded Postgres unless a server is given

plans: plans/*.yaml

# Keys that no plan takes. Each kind needs its reason; a key that nobody mentions keeps gate B closed.
ephemeral:
  - { match: 'session:{_:rest}', because: people sign in again }
`

const PLAN = `# One file, one kind of data. Hashes such as user:42 become rows of the table users.
version: 1
plan: users

mappings:
  - match: user:{id:int}
    type: hash
    into: users
    fields:
      id:         $id
      name:       name
      email:      email               # as it is: email | lower could not be written back, and phases B to D go both ways
      created_at: created_at | epoch_ms

tables:
  users:
    columns:
      id:         bigint
      name:       text not null
      email:      text
      created_at: timestamptz not null
    primary_key: [id]
    indexes:
      idx_users_email: ['lower(email)']

gates:
  B: [row_count]

# Unit tests of the mappings above: kvmig test
examples:
  - entry: { key: 'user:42', hash: { name: Ada, email: Ada@Example.com, created_at: '1767830400000' } }
    rows: { users: [{ id: 42, name: Ada, email: Ada@Example.com, created_at: '2026-01-08T00:00:00Z' }] }
  - entry: { key: 'user:43', hash: { name: Bo } }
    rejects: [{ code: FIELD_MISSING, column: created_at }]
`

const PROJECT_FILE: NewFile = {
  path: 'migrations.yaml',
  what: 'where the data is, and where it shall go',
  text: PROJECT,
}

const EXAMPLE: NewFile = {
  path: 'plans/users.yaml',
  what: 'an example: hashes user:{id} become rows of the table users',
  text: PLAN,
}

// Where the package is installed, editors complete from its schema; a path that leads nowhere would only be an error in them.
function findSchema(folder: string): string | undefined {
  const schema = join(folder, 'node_modules', 'kvmig', 'schema.json')
  if (existsSync(schema)) return schema
  return dirname(folder) === folder ? undefined : findSchema(dirname(folder))
}
