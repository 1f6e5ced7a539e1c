import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

test('prints what the stores take and give, and the tables for Kysely', async () => {
  const folder = projectFolder({
    'migrations.yaml':
      'version: 1\nsources:\n  kv: ndjson:./kv.ndjson\ntarget: pglite:memory\nplans: plans/*.yaml\n',
    'plans/users.yaml': PLAN,
  })
  const { stdout, code } = await runCli(['types'], { cwd: folder.path })
  folder.remove()
  expect(code).toBe(0)
  expect(stdout).toBe(`// Written by \`kvmig types\`: do not edit.
import type { Generated } from 'kysely'
import 'kvmig/runtime'

declare module 'kvmig/runtime' {
  interface Plans {
    users: {
      row: { id: string; name: string; visits: bigint; tags: (string | null)[] | null; joined: string | null }
      key: { id: string }
      input: { id: string; name?: string; visits?: bigint | number; tags?: (string | null)[] | null; joined?: string | Date | null }
    }
  }
}

/** For \`new Kysely<Database>(…)\` over pg, whose own conversions hold there. */
export interface Database {
  users: {
    id: string
    name: string
    visits: Generated<string>
    tags: (string | null)[] | null
    joined: Date | null
  }
}
`)

  // Inside the project, where the compiler finds its packages.
  const made = mkdtempSync(join(root, 'test/.types-'))
  try {
    writeFileSync(join(made, 'types.ts'), stdout)
    writeFileSync(
      join(made, 'application.ts'),
      [
        `import { connect } from 'kvmig/runtime'`,
        `import './types.ts'`,
        'const users = (await connect()).store("users")',
        'await users.put({ id: "ann", visits: 3, joined: new Date() })',
        'const visits: bigint | undefined = (await users.get({ id: "ann" }))?.visits',
        'await users.put({ id: "ann", nmae: "Ann" })',
        'await users.get({ handle: "ann" })',
        'export { visits }',
      ].join('\n'),
    )
    writeFileSync(
      join(made, 'tsconfig.json'),
      JSON.stringify({
        extends: '../tsconfig.json',
        compilerOptions: { noEmit: true, paths: { 'kvmig/runtime': ['../../src/runtime/index.ts'] } },
        include: ['*.ts'],
      }),
    )
    const { stdout: said } = spawnSync(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-p', made],
      { encoding: 'utf8' },
    )
    const mistakes = [...said.matchAll(/application\.ts\((\d+),/g)].map((it) => Number(it[1]))
    expect([said, [...new Set(mistakes)]]).toEqual([said, [6, 7]])
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
}, 60_000)
