import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { runCli } from '../setup/run-cli.ts'

const root = resolve(import.meta.dirname, '../..')
const PLAN = `
version: 1
plan: users
mappings:
  - match: user:{id}
    type: string
    decode: json
    into: users
    fields: { id: $id, name: name, visits: visits, tags: tags, joined: joined | epoch_ms }
tables:
  users:
    columns: { id: text, name: text not null, visits: bigint not null default 0, tags: 'text[]', joined: timestamptz }
    primary_key: [id]
`

const NOTES = `
version: 1
plan: notes
mappings:
  - { match: 'notes:{id}', type: list, each: item, into: notes, fields: { id: $id, place: $index, note: $item } }
tables:
  notes: { columns: { id: text, place: integer, note: text not null }, primary_key: [id, place] }
`

const PETS = `
version: 1
plan: pets
mappings:
  - { match: 'dog:{id}', type: string, into: dogs, fields: { id: $id, name: $value } }
  - { match: 'cat:{id:int}', type: string, into: cats, fields: { id: $id, mood: $value } }
tables:
  dogs: { columns: { id: text, name: text not null }, primary_key: [id] }
  cats: { columns: { id: integer, mood: text not null }, primary_key: [id] }
`

const DOCUMENTS = `
version: 1
plan: documents
mappings:
  - { match: 'doc:{id}', type: string, decode: json, into: docs, fields: { id: $id, title: title } }
  - { match: 'doc:{id}', type: string, decode: json, each: 'tags[*]', into: doc_tags, key: [doc, place], fields: { doc: $id, place: $index, tag: $item } }
  - { match: 'list:{id}', type: list, each: item, into: lists, fields: { id: $id, place: $index, item: $item } }
tables:
  docs: { columns: { id: text, title: text }, primary_key: [id] }
  doc_tags: { columns: { doc: text, place: integer, tag: text }, primary_key: [doc, place] }
  lists: { columns: { id: text, place: integer, item: text }, primary_key: [id, place] }
`

test('prints entries where one thing is several rows', async () => {
  const folder = projectFolder({
    'migrations.yaml':
      'version: 1\nsources:\n  kv: ndjson:./kv.ndjson\ntarget: pglite:memory\nplans: plans/*.yaml\n',
    'plans/documents.yaml': DOCUMENTS,
    'plans/tags.yaml': `
version: 1
plan: queues
mappings:
  - { match: 'queue:{line}:{n}', type: list, each: item, decode: json, into: queues, fields: { line: $line, n: $n, place: $index, item: title } }
tables:
  queues: { columns: { line: text, n: text, place: integer, item: text }, primary_key: [line, n, place] }
`,
  })
  const { stdout } = await runCli(['types'], { cwd: folder.path })
  folder.remove()
  expect(stdout).toContain(`    documents: {
      mappings: {
        docs: {
          entry: { key: { id: string }; value: Record<string, unknown> }
        }
        doc_tags: {
          entry: { key: { id: string }; value: Record<string, unknown> }
        }
        lists: {
          entry: { key: { id: string }; value: readonly string[] }
        }
      }
    }
    queues: {
      entry: { key: { line: string; n: string }; value: readonly unknown[] }
    }
`)
})

test('prints what the stores take and give, and the tables for Kysely', async () => {
  const folder = projectFolder({
    'migrations.yaml':
      'version: 1\nsources:\n  kv: ndjson:./kv.ndjson\ntarget: pglite:memory\nplans: plans/*.yaml\n',
    'plans/users.yaml': PLAN,
    'plans/pets.yaml': PETS,
    'plans/notes.yaml': NOTES,
  })
  const { stdout, code } = await runCli(['types'], { cwd: folder.path })
  folder.remove()
  expect(code).toBe(0)
  expect(stdout).toBe(`// Written by \`kvmig types\`: do not edit.
import type { Generated } from 'kysely'
import 'kvmig/runtime'

declare module 'kvmig/runtime' {
  interface Plans {
    notes: {
      entry: { key: { id: string }; value: readonly string[] }
    }
    pets: {
      mappings: {
        dogs: {
          row: { id: string; name: string }
          key: { id: string }
          input: { id: string; name?: string }
        }
        cats: {
          row: { id: number; mood: string }
          key: { id: number }
          input: { id: number; mood?: string }
        }
      }
    }
    users: {
      row: { id: string; name: string; visits: bigint; tags: (string | null)[] | null; joined: string | null }
      key: { id: string }
      input: { id: string; name?: string; visits?: bigint | number; tags?: (string | null)[] | null; joined?: string | Date | null }
    }
  }
}

/** For \`new Kysely<Database>(…)\` over pg, whose own conversions hold there. */
export interface Database {
  cats: {
    id: number
    mood: string
  }
  dogs: {
    id: string
    name: string
  }
  notes: {
    id: string
    place: number
    note: string
  }
  users: {
    id: string
    name: string
    visits: Generated<string>
    tags: (string | null)[] | null
    joined: Date | null
  }
}
`)

  const said = compiled(stdout, [
    `import { Kysely, PostgresDialect } from 'kysely'`,
    `import { connect } from 'kvmig/runtime'`,
    `import type { Database } from './types.ts'`,
    'const kvmig = await connect()',
    'const users = kvmig.store("users")',
    'await users.put({ id: "ann", visits: 3, joined: new Date() })',
    'const visits: bigint | undefined = (await users.get({ id: "ann" }))?.visits',
    'await users.put({ id: "ann", nmae: "Ann" })',
    'await users.get({ handle: "ann" })',
    'const cat = await kvmig.store("pets", "cats").get({ id: 7 })',
    'await kvmig.store("pets", "cats").get({ id: "seven" })',
    'const notes = await kvmig.store("notes").update({ id: "ann" }, (old = []) => [...old, "one"])',
    'await kvmig.store("notes").put({ id: "ann" }, [1])',
    'const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: async () => { throw new Error("none") } }) })',
    'const rows: { id: string; visits: string }[] = await db.selectFrom("users").select(["id", "visits"]).execute()',
    'await db.selectFrom("users").select("nmae").execute()',
    'await db.insertInto("users").values({ id: "ann", name: "Ann" }).execute()',
    'await db.insertInto("cats").values({ id: 1 }).execute()',
    'export const all: unknown[] = [visits, cat?.mood.length, notes?.length, rows]',
  ])
  const mistakes = [...said.matchAll(/application\.ts\((\d+),/g)].map((it) => Number(it[1]))
  expect([said, [...new Set(mistakes)]]).toEqual([said, [8, 9, 11, 13, 16, 18]])
}, 60_000)

test.each([
  ['.', 'handles', '{ handle: "ann" }'],
  ['examples/5ducks', 'users', '{ id: 1 }'],
  ['examples/stackmemory', 'traces', undefined],
])(
  'what is printed for %s compiles, with the line that an application changes',
  async (folder, plan, key) => {
    const { stdout, code } = await runCli(['types'], { cwd: join(root, folder) })
    expect(code).toBe(0)
    const [line] = /^const redis = .*$/m.exec(readFileSync(join(root, 'docs/runtime.md'), 'utf8'))!
    const said = compiled(stdout, [
      `import { Redis as Upstash } from '@upstash/redis'`,
      `import { Redis } from 'ioredis'`,
      `import { Kysely, PostgresDialect } from 'kysely'`,
      `import { connect } from 'kvmig/runtime'`,
      `import type { Database } from './types.ts'`,
      'const kvmig = await connect()',
      line,
      'const own: Redis = redis',
      'const rest: Upstash = kvmig.wrap(Upstash.fromEnv())',
      'const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: async () => { throw new Error("none") } }) })',
      'const tables: (keyof Database)[] = []',
      `const found: unknown = ${key === undefined ? `kvmig.store('${plan}')` : `await kvmig.store('${plan}').get(${key})`}`,
      'export const all: unknown[] = [await own.hget("a", "b"), await rest.set("a", { b: 1 }), db, tables, found]',
    ])
    expect(said).toBe('')
  },
  60_000,
)

/** What the compiler says of an application with these types: inside the project, where it finds its packages. */
function compiled(types: string, application: readonly string[]): string {
  const made = mkdtempSync(join(root, 'test/.types-'))
  try {
    writeFileSync(join(made, 'types.ts'), types)
    writeFileSync(join(made, 'application.ts'), application.join('\n'))
    writeFileSync(
      join(made, 'tsconfig.json'),
      JSON.stringify({
        extends: '../tsconfig.json',
        compilerOptions: { noEmit: true, paths: { 'kvmig/runtime': ['../../src/runtime/index.ts'] } },
        include: ['*.ts'],
      }),
    )
    return spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', made], {
      encoding: 'utf8',
    }).stdout
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
}
