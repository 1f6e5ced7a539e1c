import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { redactor } from '../../src/runner/phases/hooks.ts'
import { startWorld, USERS, type World } from './world.ts'

let world: World
const withHooks = (hooks: string) =>
  `${USERS}gates: { B: [{ full: { drift: 20% }, because: busy }] }\nhooks:\n${hooks}`

beforeAll(async () => {
  world = await startWorld({ count: 10 })
  expect((await world.run(['apply', '--phase=A'])).code).toBe(0)
  await world.instance('web-1')
})
afterAll(() => world?.stop())

const B = ['apply', '--phase=B', '--expect=1']

test('a hook before a phase that fails keeps the plan where it is; its output shows no secret', async () => {
  world.write(
    'plans/users.yaml',
    withHooks(`  - { before: B, run: 'echo "backup of $DATABASE_URL to $ELSEWHERE"; exit 3' }\n`),
  )
  const failed = await world.start(B, { ELSEWHERE: 'postgres://me:pw@host/x' }).ended
  expect(failed.stderr).toContain('HOOK  The hook before phase B of users ended with 3.')
  expect(failed.stderr).toContain('users before B: backup of *** to postgres://***@host/x')
  expect(failed.stderr + failed.stdout).not.toContain(world.database.url)
  expect(failed.code).toBe(1)
  expect((await world.run(['status'])).stdout).toContain('phase A')
})

test.each([
  ['hangs', 'sleep 600'],
  ['has left something behind that hangs', 'sleep 600 & echo begun'],
  ['ignores that it is asked to end', 'trap "" TERM; sleep 600; sleep 600'],
])('a hook that %s is ended, with whatever it started', async (_, hangs) => {
  world.write(
    'plans/users.yaml',
    withHooks(`  - { before: B, run: 'echo $$ >> group.txt; ${hangs}', within: 200ms }\n`),
  )
  expect((await world.run(B)).stderr).toContain('did not end within 0.2 s')
  const groups = readFileSync(join(world.path, 'group.txt'), 'utf8').trim().split('\n')
  await expect.poll(() => running(groups.at(-1)!)).toEqual([])
})

test('a hook is ended when kvmig is asked to end', async () => {
  world.write('plans/users.yaml', withHooks(`  - { before: B, run: 'echo group $$; sleep 600' }\n`))
  const program = world.start(B)
  let said = ''
  program.child.stderr!.on('data', (it) => {
    said += it
  })
  await program.says('users before B: group ')
  await expect.poll(() => /group (\d+)\n/.test(said)).toBe(true)
  program.child.kill('SIGINT')
  expect((await program.ended).code).toBe(130)
  await expect.poll(() => running(/group (\d+)\n/.exec(said)![1]!)).toEqual([])
})

/** What runs in a process group; the dead that nobody has buried do not. */
function running(group: string): string[] {
  return execFileSync('ps', ['-A', '-o', 'pgid=,stat=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((it) => it.trim().split(/\s+/))
    .filter(([its, state]) => its === group && !state!.startsWith('Z'))
    .map((it) => it.join(' '))
}

test('hooks run around the phase, once, and know what it is about', async () => {
  world.write(
    'plans/users.yaml',
    withHooks(
      ['before', 'after']
        .map(
          (it) =>
            `  - { ${it}: B, run: 'echo "$KVMIG_WHEN $KVMIG_PHASE $KVMIG_PLAN $KVMIG_PROJECT" >> ran.txt' }\n`,
        )
        .join(''),
    ),
  )
  const ended = await world.start(B).ended
  expect(ended.stdout).toMatch(/✓ done {2}users {2}hook .*before B: echo/)
  expect(ended.code).toBe(0)
  expect((await world.run(B)).code).toBe(0)
  expect(readFileSync(join(world.path, 'ran.txt'), 'utf8')).toBe(
    'before B users migrations.yaml\nafter B users migrations.yaml\n',
  )
})

test('takes secrets out of a line, the longest first', () => {
  const redact = redactor(['abc', 'secret', 'secret-longer'])
  expect(redact('secret-longer and secret, abc, redis://:pw@h')).toBe('*** and ***, abc, redis://***@h')
})
