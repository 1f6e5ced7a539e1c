import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { wayToExtension } from '../../src/target/extensions.ts'
import { projectFolder } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { runCli } from '../setup/run-cli.ts'

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())

const plan = (column: string, index: string) => `version: 1
plan: notes
mappings:
  - { match: 'note:{id}', type: string, into: notes, decode: json, fields: { id: $id, text: text, place: place } }
tables:
  notes:
    columns: { id: text, text: text, place: ${column} }
    primary_key: [id]
    indexes: { notes_idx: ${index} }
`

async function inProject<T>(
  { project = '', notes }: { project?: string; notes: string },
  work: (run: (...argv: string[]) => ReturnType<typeof runCli>) => Promise<T>,
): Promise<T> {
  const folder = projectFolder({
    'migrations.yaml': `version: 1\nsources: { kv: 'ndjson:./kv.ndjson' }\ntarget: \${DATABASE_URL}\n${project}`,
    'plans/notes.yaml': notes,
    'kv.ndjson': `{"key":"note:1","type":"string","value":"{\\"text\\":\\"hello world\\",\\"place\\":null}"}\n`,
  })
  try {
    return await work((...argv) => runCli(argv, { cwd: folder.path, env: { DATABASE_URL: database.url } }))
  } finally {
    folder.remove()
  }
}

const TRIGRAMS = plan('text', '{ columns: [text gin_trgm_ops], using: gin }')

describe('an extension that a table needs', () => {
  test('is created where the server has it, and its index is used', async () => {
    await inProject({ notes: TRIGRAMS }, async (run) => {
      expect((await run('plan', '--no-prove')).stdout).toMatch(/\+ extension +pg_trgm +if it is not there/)
      const before = await run('plan', '--live')
      expect(before.stdout).toMatch(
        /Extensions\n {2}✓ pg_trgm +The server has it, and apply creates it where the role may\./,
      )
      expect(before.code).toBe(0)
      expect((await run('apply', '--phase=A', '--yes')).code).toBe(0)
      expect((await run('plan', '--live')).stdout).toMatch(/✓ pg_trgm +It is there\./)
      const { rows } = await database
        .query("set enable_seqscan = off; explain select * from notes where text like '%llo wor%'")
        .then((it) => (Array.isArray(it) ? it.at(-1) : it))
      expect(JSON.stringify(rows)).toContain('notes_idx')
      expect((await run('rollback', '--yes')).code).toBe(0)
    })
  })

  test('and that the server does not have stops apply before anything is copied, with the way to get it', async () => {
    const { name, column, index, way } = await lacking()
    await inProject({ notes: plan(column, index) }, async (run) => {
      const live = await run('plan', '--live')
      expect(live.stdout).toMatch(
        new RegExp(
          `✗ ${name} +This server does not have it\\. The plan cannot be applied without it\\. ${way}`,
        ),
      )
      expect(live.stdout).toContain('KV201')
      const { code, stdout } = await run('apply', '--phase=A', '--yes')
      expect(code).toBe(1)
      expect(stdout).toContain(`does not have the extension ${name}, which the plan needs.`)
      expect(stdout).toContain(way)
      expect((await database.query("select to_regclass('notes') as it")).rows).toEqual([{ it: null }])
      await run('rollback', '--yes')
    })
  })
})

describe('an extension that the project lists', () => {
  const project = 'extensions: [pg_stat_statements, timescaledb]\n'
  test('is created where the server has it, and done without where not, in words', async () => {
    await inProject({ project, notes: plan('text', '[text]') }, async (run) => {
      expect((await run('plan')).stdout).toMatch(/\+ extension +timescaledb +where the server has it/)
      const live = await run('plan', '--live', '--no-prove')
      expect(live.stdout).toMatch(/✓ pg_stat_statements +The server has it/)
      expect(live.stdout).toMatch(
        /✗ timescaledb +This server does not have it\. It is done without\. Install TimescaleDB/,
      )
      const { code, stdout } = await run('apply', '--phase=A', '--yes')
      expect(code).toBe(0)
      expect(stdout).toMatch(/extension +timescaledb .*done without it: .*not available/)
      const { rows } = await database.query("select extname from pg_extension where extname like 'pg_stat%'")
      expect(rows).toEqual([{ extname: 'pg_stat_statements' }])
      await run('rollback', '--yes')
    })
  })

  test('has to be a name', async () => {
    await inProject({ project: 'extensions: ["a b"]\n', notes: TRIGRAMS }, async (run) => {
      expect((await run('plan')).stdout).toContain('KV013')
    })
  })
})

test.each([
  ['vector', undefined, 'pgvector/pgvector'],
  ['vector', 'railway', 'template'],
  ['pg_cron', 'supabase', 'dashboard'],
  ['pg_cron', 'neon', 'cron.database_name'],
  ['postgis', undefined, 'postgresql-…-postgis'],
  ['postgis', 'neon', 'list of extensions of the provider'],
])('the way to %s at %s is told', (name, provider, words) => {
  expect(wayToExtension(name, provider)).toContain(words)
})

/** What this server lacks: the first that somebody could have installed, or the second. */
async function lacking(): Promise<(typeof LACKING)[number]> {
  const { rows } = await database.query('SELECT name FROM pg_available_extensions')
  const there = new Set(rows.map((it) => it.name))
  const found = LACKING.find((it) => !there.has(it.name))
  if (!found) throw new Error('This server has every extension that these tests know.')
  return found
}

const LACKING = [
  {
    name: 'vector',
    column: 'vector(3)',
    index: '{ columns: [place vector_cosine_ops], using: hnsw }',
    way: 'Install pgvector on the server',
  },
  {
    name: 'postgis',
    column: 'geometry',
    index: '{ columns: [place], using: gist }',
    way: 'Install it on the server',
  },
]
