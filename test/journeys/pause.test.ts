import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { EXIT } from '../../src/errors.ts'
import { apply, loadProject } from '../../src/index.ts'
import { type Ended, projectFolder, ran } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { APPLY, contents, ORDERS, openShop, type Shop } from './shop.ts'

let shop: Shop
/** What an undisturbed run says and leaves. */
let whole: { readonly rows: Record<string, unknown>; readonly counts: Counts }
beforeAll(async () => {
  shop = await openShop()
  const database = await freshDatabase()
  const ended = await shop.run([...APPLY, '--json'], database.url)
  whole = { rows: await contents(database), counts: countsOf(ended) }
  await database.drop()
})
afterAll(() => shop.close())

let database: FreshDatabase
beforeEach(async () => {
  database = await freshDatabase()
  return () => database.drop()
})

type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>

const run = (...args: string[]): Promise<Ended> => shop.run(args, database.url)
const pause = (plan: string): Promise<Ended> => run('pause', plan, '--because', 'the shop is busy')
const report = ({ stdout }: Ended) => JSON.parse(stdout)

/** What a run counted, by copy. */
function countsOf(ended: Ended): Counts {
  const copies = report(ended).steps.filter((it: { id: string }) => it.id.includes('/backfill/'))
  return Object.fromEntries(copies.map((it: { id: string; counts: object }) => [it.id, it.counts]))
}

/** How far copies have come that are not at their end. */
const places = async (): Promise<readonly unknown[]> =>
  (await database.query('SELECT pass, cursor, counts FROM kvmig.checkpoint ORDER BY pass')).rows
const isMade = async (table: string): Promise<boolean> =>
  (await database.query(`SELECT to_regclass('${table}') IS NOT NULL AS made`)).rows[0].made
const count = async (table: string): Promise<number> =>
  Number((await database.query(`SELECT count(*) FROM ${table}`)).rows[0].count)

/** A copy that lasts, once the first rows of a table are there, which is long before a batch is full. */
async function copySlowly(
  table: string,
  project = shop.project.path,
): Promise<{ readonly ended: Promise<Ended> }> {
  const ended = shop.runIn(project, ['apply', '--phase=A', '--yes', '--json', '--rate', '100'], database.url)
  let isOver = false
  void ended.finally(() => {
    isOver = true
  })
  while (!((await isMade(table)) && (await count(table)) > 0))
    if (isOver) throw new Error((await ended).stderr)
  return { ended }
}

test('a copy under way comes to rest at a place where it can go on, and after resume it goes on there', async () => {
  await run(...APPLY, 'customers')
  const copying = await copySlowly('orders')
  expect((await pause('orders')).stdout).toContain('kvmig resume orders')
  const stopped = await copying.ended
  expect(stopped.code).toBe(EXIT.notYet)
  expect(stopped.stderr).toMatch(/stopped: PAUSED {2}Plan orders is paused since .*: the shop is busy/)
  expect(report(stopped)).toMatchObject({
    outcome: 'paused',
    summary: expect.stringContaining('kvmig resume orders'),
  })
  const at = await places()
  expect(at).toEqual([expect.objectContaining({ cursor: expect.stringMatching(/^[1-9]\d*$/) })])
  const rows = await count('orders')
  expect(rows).toBeLessThan((whole.rows.orders as { rows: number }).rows)

  const refused = await run(...APPLY, 'orders')
  expect(refused).toMatchObject({ code: EXIT.notYet, stdout: '' })
  expect(refused.stderr).toMatch(/^kvmig: PAUSED {2}Plan orders is paused since .*: the shop is busy\n/m)
  expect(refused.stderr).toContain('kvmig resume orders, then apply again')
  expect(await places()).toEqual(at)
  expect((await run('status')).stdout).toMatch(/Paused since .*: the shop is busy. kvmig resume orders/)

  await run('resume', 'orders')
  const done = await run(...APPLY, '--json')
  expect(done.code).toBe(0)
  // Nothing was read twice: what was there would have been counted as unchanged.
  for (const id of Object.keys(whole.counts).filter((it) => it.startsWith('orders/')))
    expect([id, countsOf(done)[id]]).toEqual([id, whole.counts[id]])
  expect(await contents(database)).toEqual(whole.rows)
})

test('a plan that is paused is left out, and whoever does not need it is brought up without it', async () => {
  await pause('orders')
  const first = await run(...APPLY)
  expect(first.code).toBe(EXIT.notYet)
  expect(first.stdout).toMatch(/‖ orders is paused since .*: the shop is busy\n.*kvmig resume orders/)
  expect(first.stdout).toContain('Gate B is open for customers')
  expect(await isMade('orders')).toBe(false)
  expect(await count('customers')).toBe((whole.rows.customers as { rows: number }).rows)

  await run('resume', 'orders')
  expect((await run(...APPLY)).code).toBe(0)
  expect(await contents(database)).toEqual(whole.rows)
})

test('a plan that needs a paused one waits with it', async () => {
  await pause('customers')
  const refused = await run(...APPLY)
  expect(refused).toMatchObject({ code: EXIT.notYet, stdout: '' })
  expect(refused.stderr).toMatch(/PAUSED {2}Plan customers is paused/)
  expect(await isMade('orders')).toBe(false)
})

test('plans of one reading stop together, and the next apply takes up those that are not paused', async () => {
  const plan = (name: string, match: string) => `version: 1
plan: ${name}
mappings:
  - { match: '${match}', type: string, into: ${name}, fields: { id: $id, text: $value } }
tables:
  ${name}: { columns: { id: text, text: text not null }, primary_key: [id] }
`
  const project = projectFolder({
    'migrations.yaml': `version: 1
sources: { kv: "\${KV_URL}" }
target: \${DATABASE_URL}
plans: plans/*.yaml
ignore: [{ match: 'customer:{_}', because: not about them }, { match: 'client:{_}', because: nor about these }]
`,
    'plans/big.yaml': plan('big', 'order:{id}'),
    'plans/small.yaml': plan('small', 'session:{id}'),
  })
  const again = () => shop.runIn(project.path, ['apply', '--phase=A', '--yes'], database.url)
  const copying = await copySlowly('big', project.path)
  await shop.runIn(project.path, ['pause', 'small', '--because', 'the shop is busy'], database.url)
  expect(report(await copying.ended).outcome).toBe('paused')
  expect(await count('big')).toBeLessThan(ORDERS)

  expect((await again()).code).toBe(EXIT.notYet)
  expect(await count('big')).toBe(ORDERS)
  await shop.runIn(project.path, ['resume', 'small'], database.url)
  expect((await again()).code).toBe(0)
  expect([await count('big'), await count('small')]).toEqual([ORDERS, 20])
  project.remove()
})

test('a saved plan of which a part is paused is refused as a whole, and stays good', async () => {
  await pause('orders')
  const file = join(shop.project.path, 'paused.plan')
  expect((await run('plan', '--no-prove', '--out', file)).code).toBe(0)
  const refused = await run('apply', file, '--phase=A')
  expect(refused.code).toBe(EXIT.notYet)
  expect(refused.stderr).toContain('PAUSED')
  expect(await isMade('customers')).toBe(false)
  await run('resume', 'orders')
  expect((await run('apply', file, '--phase=A')).code).toBe(0)
})

test('a program that applies is told by an error', async () => {
  await pause('customers')
  const { project } = await loadProject(join(shop.project.path, 'migrations.yaml'))
  const variables = shop.environment(database.url)
  await expect(apply(project!, { variables })).rejects.toMatchObject({
    code: 'PAUSED',
    exitCode: EXIT.notYet,
  })
  await expect(ran(shop.project.path, ['explain', 'PAUSED'])).resolves.toMatchObject({ code: 0 })
})
