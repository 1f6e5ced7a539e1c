import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/runtime/commands/index.ts'
import { connect } from '../../src/runtime/index.ts'
import { openTarget } from '../../src/target/connect.ts'
import { startWorld } from './world.ts'

const page = readFileSync(resolve(import.meta.dirname, '../../docs/runtime.md'), 'utf8')
const blocks = (language: string): readonly string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map((it) => it[1]!)

const world = await startWorld()
await world.applyA()

test('the code of the page runs, in its order, and does what the page says', async () => {
  for (const plan of ['users', 'scores']) await world.flip(plan, 'B')
  const code = blocks('ts')
    .join('\n')
    .replace(/^import .*$/gm, '')
    .replace('connect()', 'connect(options)')
    .replace('process.env.KV_URL!', 'variables.KV_URL')
  // What the page shows is JavaScript; the names it uses are given.
  const run = new Function(
    'connect',
    'Redis',
    'options',
    'variables',
    'seen',
    `return (async () => { ${code.replace('await kvmig.close()', 'seen(ann); redis.disconnect(); await kvmig.close()').replace('await users.delete', "seen(await redis.get('user:ann')); await users.delete")} })()`,
  )
  const seen: unknown[] = []
  const { project, variables } = world
  await run(connect, Redis, { project, variables, shadow: 0 }, variables, (it: unknown) => seen.push(it))
  expect(JSON.parse(String(seen[0]))).toEqual({ name: 'Ann', visits: 2 })
  expect(seen[1]).toEqual({ id: 'ann', name: 'Ann', visits: 2, joined: null })
  expect(await world.rows('SELECT * FROM users')).toEqual([])
  expect(await world.rows('SELECT * FROM scores')).toEqual([{ game: 'go', player: 'ann', points: '5' }])
})

test('the commands of the page are those there are', () => {
  const row = (title: string) => [...page.matchAll(new RegExp(`^\\| ${title} \\|(.*)\\|$`, 'gm'))][0]![1]!
  const named = (text: string) => [...text.matchAll(/`([A-Z]+)`/g)].map((it) => it[1]!.toLowerCase())
  const known = (reads: boolean) =>
    Object.keys(COMMANDS)
      .filter((it) => (COMMANDS[it]!.reads ?? false) === reads)
      .sort()
  expect(named(row('written to both sides')).sort()).toEqual(known(false))
  expect(named(row('read from Postgres in C and D')).sort()).toEqual(known(true))
})

test('the rights of the page are enough, and do not reach the routes', async () => {
  const admin = new pg.Client({ connectionString: world.variables.DATABASE_URL })
  await admin.connect()
  const role = `app_${Date.now()}`
  await admin.query(`CREATE ROLE ${role} LOGIN`)
  await admin.query(blocks('sql')[0]!.replaceAll('TO app;', `TO ${role};`))
  await admin.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`)
  const url = Object.assign(new URL(world.variables.DATABASE_URL), { username: role }).href
  const kvmig = await world.connect({ shadow: 0, variables: { DATABASE_URL: url } })
  await kvmig.store('users').put({ id: 'r', name: 'R' })
  expect(await world.rows(`SELECT name FROM users WHERE id = 'r'`)).toEqual([{ name: 'R' }])
  await kvmig.close()
  const app = await openTarget(url)
  await expect(app.transaction((tx) => tx.query(`UPDATE kvmig.route SET phase = 'D'`))).rejects.toMatchObject(
    { code: 'PERMISSION' },
  )
  await app.close()
  await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  await admin.end()
})
