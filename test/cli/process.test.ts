import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kvmig, projectFolder } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { BLOG } from './blog.ts'

const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js')

let project: ReturnType<typeof projectFolder>
let database: FreshDatabase

beforeAll(async () => {
  project = projectFolder(BLOG)
  database = await freshDatabase()
})
afterAll(async () => {
  project?.remove()
  await database?.drop()
})

describe('output', () => {
  const plan = ['plan', '--no-prove']
  const colored = (text: string): boolean => stripVTControlCharacters(text) !== text

  test.each([
    ['has no colour in a pipe', {}, false],
    ['has colour where it is forced', { FORCE_COLOR: '1' }, true],
    ['has none where NO_COLOR says so, whatever else does', { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
  ])('%s', async (_, env: Record<string, string>, expected) => {
    const { stdout, code } = await kvmig(project.path, plan, { NO_COLOR: '', ...env }).ended
    expect(colored(stdout)).toBe(expected)
    expect(code).toBe(0)
  })

  test('may be cut off by whoever reads it', async () => {
    const line = `"${process.execPath}" "${MAIN}" plan --no-prove | head -n 1; echo "exit \${PIPESTATUS[0]}"`
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', line], { cwd: project.path })
    expect(stdout).toMatch(/^plans\/users\.yaml .*\nexit 0\n$/)
    expect(stderr).toBe('')
  })

  test('does not need an open stdin', async () => {
    const line = `"${process.execPath}" "${MAIN}" plan --no-prove <&-; echo "exit $?"`
    const { stdout } = await promisify(execFile)('bash', ['-c', line], { cwd: project.path })
    expect(stdout).toContain('Plan: 9 steps')
    expect(stdout).toMatch(/exit 0\n$/)
  })
})

test('help loads neither drivers nor the schema validator', async () => {
  const hook = `import fs from 'node:fs'
    export async function resolve(name, context, next) {
      const found = await next(name, context)
      fs.writeSync(2, 'loaded ' + found.url + '\\n')
      return found
    }`
  const register = `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)})`
  const { stderr, stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    `data:text/javascript,${encodeURIComponent(register)}`,
    MAIN,
    '--help',
  ])
  expect(stdout).toContain('Usage: kvmig')
  const packages = [...stderr.matchAll(/^loaded .*\/node_modules\/((?:@[^/]+\/)?[^/]+)/gm)].map((it) => it[1])
  expect([...new Set(packages)]).toEqual(['commander'])
})

describe('a signal', () => {
  /** Holds the table, so that the copy cannot go on, and waits until it does not. */
  async function blocked(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await client.query('BEGIN; LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE')
    return client
  }
  async function untilWaiting(): Promise<void> {
    for (;;) {
      const { rows } = await database.query(
        `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'public.users'::regclass`,
      )
      if (rows.length > 0) return
    }
  }
  const apply = () => kvmig(project.path, ['apply', '--phase=A', '--again'], { DATABASE_URL: database.url })

  beforeAll(async () => {
    const { code, stdout } = await kvmig(project.path, ['apply', '--phase=A'], { DATABASE_URL: database.url })
      .ended
    expect(stdout).toContain('Gate B is open')
    expect(code).toBe(0)
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s stops the run, frees the lease, says how to go on, and exits %i', async (signal, exit) => {
    const holder = await blocked()
    const running = apply()
    await untilWaiting()
    running.child.kill(signal)
    await running.says(`${signal}: stopping as soon as nothing is half done. Once more stops at once.`)
    await holder.query('COMMIT')
    await holder.end()
    const { code, stdout, stderr } = await running.ended
    expect(stdout + stderr).toMatch(/Run kvmig apply --phase=A again|STOPPED/)
    expect(code).toBe(exit)
    const status = await kvmig(project.path, ['status', '--json'], { DATABASE_URL: database.url }).ended
    expect(JSON.parse(status.stdout).lease).toBeUndefined()
    expect(JSON.parse(status.stdout).lastRun.outcome).toBe('interrupted')
  })

  test('a second one stops at once; the next apply goes on', async () => {
    const holder = await blocked()
    const running = apply()
    await untilWaiting()
    running.child.kill('SIGINT')
    await running.says('Once more stops at once.')
    running.child.kill('SIGINT')
    expect((await running.ended).code).toBe(130)
    await holder.query('COMMIT')
    await holder.end()
  })
})

describe('two applies at once', () => {
  test('the second says who holds the lease, since when, and exits 7', async () => {
    const other = await freshDatabase()
    const env = { DATABASE_URL: other.url }
    await kvmig(project.path, ['apply', '--phase=A'], env).ended
    const holder = new pg.Client({ connectionString: other.url })
    await holder.connect()
    await holder.query('BEGIN; LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE')
    const first = kvmig(project.path, ['apply', '--phase=A', '--again'], env)
    for (;;) {
      const { rows } = await other.query(
        `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'public.users'::regclass`,
      )
      if (rows.length > 0) break
    }
    const second = await kvmig(project.path, ['apply', '--phase=A', '--again'], env).ended
    expect(second.stderr).toMatch(/kvmig: LEASE_HELD {2}.*@.*/)
    expect(second.code).toBe(7)

    const status = await kvmig(project.path, ['status'], env).ended
    const id = /kvmig unlock (\S+)/.exec(status.stdout)?.[1]
    expect(id).toBeDefined()
    const unlocked = await kvmig(project.path, ['unlock', id!], env).ended
    expect(unlocked.stdout).toMatch(/^Took the lease from .+@.+, who had it since /)
    expect(unlocked.code).toBe(0)

    await holder.query('COMMIT')
    await holder.end()
    const robbed = await first.ended
    expect(robbed.stderr).toMatch(/LEASE_LOST/)
    expect(robbed.code).not.toBe(0)
    await other.drop()
  })
})
