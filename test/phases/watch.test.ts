import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startProxy } from '../setup/proxy.ts'
import { startWorld, USERS, type World } from './world.ts'

let world: World
const told: Record<string, unknown>[] = []
const server = createServer((request, response) => {
  let body = ''
  request.on('data', (it) => {
    body += it
  })
  request.on('end', () => {
    told.push(JSON.parse(body))
    response.end()
  })
})
let webhook: string

const TRIGGERS = `gates: { B: [{ full: { drift: 20% }, because: busy }] }
triggers:
  B:
    - { when: sql, query: 'SELECT visits FROM users WHERE id = ''0''', above: 5, do: alert }
  C:
    - { when: sql, query: 'SELECT visits FROM users WHERE id = ''0''', above: 100, do: rollback }
    - { when: reports, above: 1, over: 24h, do: pause }
    - { when: latency, p95: 500ms, for: 10m, do: rollback }
`

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  webhook = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/hook`
  world = await startWorld({ count: 20, files: { 'plans/users.yaml': USERS + TRIGGERS } })
  expect((await world.run(['apply', '--phase=A'])).code).toBe(0)
  await world.instance('web-1', { shadow: 0 })
  expect((await world.run(['apply', '--phase=B', '--expect=1'])).code).toBe(0)
  await world.run(['reconcile'])
})
afterAll(async () => {
  await world?.stop()
  server.close()
})

const watch = (...more: string[]) =>
  world.run(
    [
      'watch',
      '--once',
      '--webhook',
      '${HOOK}',
      '--notify',
      'echo "$KVMIG_TRIGGER $KVMIG_DID" >> told.txt',
      ...more,
    ],
    {
      HOOK: webhook,
    },
  )
const visits = (count: number) =>
  world.database.query('UPDATE users SET visits = $1 WHERE id = $2', [count, '0'])

test('says nothing while all is well, alerts once when it is not, and once when it is again', async () => {
  expect((await watch()).code).toBe(0)
  await visits(6)
  const fired = await watch()
  expect(fired.stdout).toMatch(/! fired {2}users {2}sql {2}The query gives 6, since .*: alert/)
  expect(fired.code).toBe(4)
  expect((await watch()).code).toBe(4)
  expect(told).toMatchObject([{ plan: 'users', phase: 'B', trigger: 'sql', state: 'fired', did: 'alert' }])
  await visits(0)
  expect((await watch()).code).toBe(0)
  expect(told.at(-1)).toMatchObject({ did: 'recovered' })
  expect(readFileSync(join(world.path, 'told.txt'), 'utf8')).toBe('sql alert\nsql recovered\n')
})

test('gate C wants somebody to watch, then a trigger goes back by itself, and forward takes a person', async () => {
  await world.run(['drill', '--yes'])
  expect((await world.run(['apply', '--phase=C'])).code).toBe(0)
  await visits(101)
  const fired = await watch()
  expect(fired.stdout).toContain('rolled back to phase B')
  expect(fired.code).toBe(4)
  await visits(0)
  const status = await world.run(['status'])
  expect(status.stdout).toMatch(/phase B/)
  expect(status.stdout).toMatch(/Paused since .*trigger sql fired/)
  const held = await world.run(['apply', '--phase=C'])
  expect(held.stdout).toContain('kvmig resume users')
  expect(held.code).toBe(5)
  await world.run(['reconcile'])
  expect((await world.run(['resume', 'users'])).stdout).toContain('may go on')
  expect((await world.run(['apply', '--phase=C'])).code).toBe(0)
})

test('H66 reported bugs count, and what cannot be measured fires nothing', async () => {
  expect((await world.run(['report-bug', 'users', '--note', 'slow'])).stdout).toContain(
    '1 in the last 24 hours',
  )
  expect((await watch()).code).toBe(0)
  await world.run(['report-bug', 'users', '--note', 'wrong name'])
  const fired = await watch()
  expect(fired.stdout).toMatch(
    /! fired {2}users {2}reports {2}2 bugs reported in the last 24h, since .*: paused/,
  )
  expect(fired.stdout).not.toMatch(/fired {2}users {2}latency/)
})

test('stays awake while Postgres is out of reach, and asks again', async () => {
  await world.run(['resume', 'users'])
  const proxy = await startProxy(Number(new URL(world.database.url).port))
  const through = Object.assign(new URL(world.database.url), { port: String(proxy.port) }).href
  const watching = world.start(['watch', '--every=1'], { DATABASE_URL: through })
  const ago = async () =>
    Number((await world.database.query('SELECT extract(epoch FROM at) AS at FROM kvmig.watch')).rows[0].at)
  const before = await ago()
  await expect.poll(ago, { timeout: 20_000 }).toBeGreaterThan(before)
  proxy.refuse(true)
  proxy.redirect(Number(new URL(world.database.url).port))
  await watching.says('It is asked again.')
  const cut = await ago()
  proxy.refuse(false)
  await expect.poll(ago, { timeout: 20_000 }).toBeGreaterThan(cut)
  watching.child.kill('SIGTERM')
  expect((await watching.ended).code).toBe(143)
  await proxy.close()
})
