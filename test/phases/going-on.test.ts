import { afterAll, beforeAll, expect, test } from 'vitest'
import { startWorld, USERS, type World } from './world.ts'

let world: World
const PLAN = `${USERS}gates: { B: [{ full: { drift: 20% }, because: busy }] }
triggers: { C: [{ when: reports, above: 0, do: alert }] }
`
const STREAM = `version: 1
plan: games
mappings:
  - { match: 'games', type: stream, each: message, into: games, fields: { id: $message, winner: winner } }
tables:
  games: { columns: { id: text, winner: text }, primary_key: [id] }
`
beforeAll(async () => {
  world = await startWorld({ count: 10, files: { 'plans/users.yaml': PLAN, 'plans/games.yaml': STREAM } })
  await world.redis.client.xadd('games', '*', 'winner', 'ann')
  expect(await world.run(['apply', '--phase=A'])).toMatchObject({ code: 0 })
  await world.instance('web-1', { shadow: 0 })
})
afterAll(() => world?.stop())

test('a plan that cannot be dual-written stays in A, says so, and keeps nobody from going on', async () => {
  const b = await world.run(['apply', '--phase=B', '--expect=1'])
  expect(b.stdout).toMatch(/= kept {2}games {2}phase A .* a stream gives its messages their ids itself/)
  expect(b.code).toBe(0)
  const status = await world.run(['status'])
  expect(status.stdout).toContain('It stays in phase A: games cannot be written to both sides')
  expect(status.stdout).not.toContain('games (to B) can advance')
  await world.run(['reconcile'])
  const early = await world.run(['apply', '--phase=C'])
  expect(early.stdout).toMatch(/pending {2}watched/)
  expect(early.stdout).toMatch(/= kept {2}games/)
})

test('a plan in B whose triggers begin in C is watched, and gate C opens', async () => {
  const watched = await world.run(['watch', '--once'])
  expect(watched.stdout).toMatch(/users {2}watched {2}its triggers begin with phase C/)
  expect(watched.code).toBe(0)
  expect((await world.run(['apply', '--phase=C'])).code).toBe(0)
})

test('a rollback that is said twice goes one phase back', async () => {
  expect((await world.run(['rollback', 'users'])).stdout).toMatch(/users {2}route {2}phase B/)
  const again = await world.run(['rollback', 'users'])
  expect(again.stdout).toMatch(/= kept {2}users .* where a rollback brought it; --to=A goes further/)
  expect(again.code).toBe(0)
  expect((await world.run(['status'])).stdout).toMatch(/users +phase B/)
})

test('a plan that is edited while both stores are written is noticed', async () => {
  world.write('plans/users.yaml', PLAN.replace('name: name,', 'name: name | trim,'))
  const status = await world.run(['status'])
  expect(status.stdout).toContain('The plan was edited since it was applied: put the edit back')
  expect((await world.run(['apply', '--phase=A'])).stderr).toContain('PHASE_PAST')
})

test('status --watch shows it again and again, until it is stopped', async () => {
  const watching = world.start(['status', '--watch'])
  let shown = 0
  watching.child.stdout!.on('data', (it) => {
    shown += String(it).split('Status: ').length - 1
  })
  await expect.poll(() => shown, { timeout: 30_000 }).toBeGreaterThan(1)
  watching.child.kill('SIGTERM')
  expect((await watching.ended).code).toBe(143)
})
