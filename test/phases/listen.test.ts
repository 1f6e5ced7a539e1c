import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Running } from '../setup/cli.ts'
import { startWorld, USERS, type World } from './world.ts'

let world: World
let watch: Running
let url: string

beforeAll(async () => {
  world = await startWorld({
    count: 3,
    files: { 'plans/users.yaml': `${USERS}triggers: { C: [{ when: reports, above: 1, do: rollback }] }\n` },
  })
  await world.run(['apply', '--phase=A'])
  watch = world.start(['watch', '--listen', '0'], { KVMIG_LISTEN_TOKEN: 't0ken' })
  let said = ''
  watch.child.stderr!.on('data', (it) => {
    said += it
  })
  await watch.says('/bugs\n')
  url = /http:\S+/.exec(said)![0]
})
afterAll(async () => {
  watch?.child.kill('SIGTERM')
  await watch?.ended
  await world?.stop()
})

const report = (body: unknown, more: RequestInit & { headers?: Record<string, string> } = {}) =>
  fetch(url, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...more,
    headers: { 'content-type': 'application/json', authorization: 'Bearer t0ken', ...more.headers },
  })

test('takes bug reports, which the check counts', async () => {
  const answer = await report({ plan: 'users', note: 'wrong name shown', severity: 'Critical' })
  expect([answer.status, await answer.json()]).toEqual([201, { plan: 'users', last24h: 1 }])
  expect(await (await report({ plan: 'users', note: 'slow' })).json()).toMatchObject({ last24h: 2 })
  const { rows } = await world.database.query('SELECT plan, severity, note FROM kvmig.bug ORDER BY at')
  expect(rows).toEqual([
    { plan: 'users', severity: 'critical', note: 'wrong name shown' },
    { plan: 'users', severity: 'major', note: 'slow' },
  ])
})

test.each([
  ['another plan', { plan: 'nobody', note: 'x' }, {}, 400],
  ['no note', { plan: 'users', note: ' ' }, {}, 400],
  ['a severity of two words', { plan: 'users', note: 'x', severity: 'very bad' }, {}, 400],
  ['no JSON', 'plan=users', {}, 400],
  ['too much', { plan: 'users', note: 'x'.repeat(20_000) }, {}, 413],
  ['a form, which any web page can send', 'x', { headers: { 'content-type': 'text/plain' } }, 415],
  ['a wrong token', { plan: 'users', note: 'x' }, { headers: { authorization: 'Bearer other' } }, 401],
])('refuses %s', async (_, body, more, status) => {
  const answer = await report(body, more)
  expect(answer.status).toBe(status)
  expect(await answer.json()).toEqual({ error: expect.any(String) })
})

test('answers nothing else', async () => {
  expect((await fetch(url)).status).toBe(405)
  expect((await fetch(url.replace('/bugs', '/'))).status).toBe(404)
})

test.each([
  [['--listen', '0.0.0.0:0'], 'LISTEN  Anybody in reach of 0.0.0.0 could report bugs'],
  [['--listen', 'here'], 'LISTEN  "here" is no place to listen on.'],
  [['--listen', '99999'], 'LISTEN  "99999" is no place to listen on.'],
  [['--listen', '0', '--once'], 'USAGE  --once asks and ends'],
])('kvmig watch %j says why not', async (args, message) => {
  const { code, stderr } = await world.run(['watch', ...args])
  expect(stderr).toContain(message)
  expect(code).toBe(1)
})

test('a port that is taken is said', async () => {
  const port = new URL(url).port
  expect((await world.run(['watch', '--listen', port])).stderr).toContain(
    `LISTEN  127.0.0.1:${port} cannot be listened on: EADDRINUSE.`,
  )
})
