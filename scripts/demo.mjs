// The main job on a fresh machine: the shipped Redis backup of a small social app goes into an embedded Postgres.
//
//   npm run demo                                       plan, then apply phase A; a second time there is nothing to do
//   npm run demo -- "SELECT * FROM users LIMIT 5"      look at the rows
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureBuilt } from './ensure-built.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, '.kvmig', 'pg')
// Whatever the shell has set: the demo is about these two stores.
const env = { ...process.env, KV_URL: 'rdb:./examples/vibe/kv.rdb', DATABASE_URL: 'pglite:./.kvmig/pg' }

const [sql] = process.argv.slice(2)
if (sql !== undefined) await showRows(sql)
else {
  ensureBuilt(root)
  step('kvmig plan', 'what would happen; nothing is changed')
  kvmig(['plan'])
  step('kvmig apply --phase=A --yes', 'tables, copy, indexes, foreign keys, then the gate')
  kvmig(['apply', '--phase=A', '--yes'])
  process.stdout.write(`
The rows are in ${folder}, an embedded Postgres. Look at some of them:

  npm run demo -- "SELECT from_user, to_user, text FROM messages ORDER BY created_at DESC LIMIT 5"
  npm run demo -- "SELECT handle, count(*) FROM handles JOIN messages ON from_user = handle GROUP BY 1 ORDER BY 2 DESC LIMIT 5"

And what kvmig knows about them:

  npx kvmig status              where every plan stands, and what is in quarantine
  npx kvmig trace user:ada      why there is a row for a key, or why there is none
  npx kvmig rollback            take it all back
`)
}

function step(command, words) {
  process.stdout.write(`\n$ ${command}        # ${words}\n\n`)
}

function kvmig(words) {
  const { status } = spawnSync(process.execPath, [join(root, 'dist', 'cli', 'main.js'), ...words], {
    cwd: root,
    env,
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}

async function showRows(sql) {
  const { PGlite } = await import('@electric-sql/pglite')
  const { vector } = await import('@electric-sql/pglite-pgvector')
  const postgres = await PGlite.create(folder, { extensions: { vector } })
  try {
    const { rows } = await postgres.query(sql)
    console.table(rows)
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  } finally {
    await postgres.close()
  }
}
