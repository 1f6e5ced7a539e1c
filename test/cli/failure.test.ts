import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeFailure } from '../../src/cli/failure.ts'
import { Interruption } from '../../src/cli/io.ts'
import { KvmigError } from '../../src/errors.ts'
import { projectFolder } from '../setup/cli.ts'
import { runCli } from '../setup/run-cli.ts'
import { BLOG } from './blog.ts'

const calm = { env: {}, signal: new AbortController().signal }

describe('an error', () => {
  test('of kvmig is its code, a sentence and a hint', () => {
    const error = new KvmigError('LEASE_HELD', 'ann@ci is applying.', { hint: 'Wait.', exitCode: 7 })
    expect(describeFailure(error, calm)).toEqual({
      text: 'kvmig: LEASE_HELD  ann@ci is applying.\n       Wait.\n',
      exitCode: 7,
    })
  })

  test('of other making is told by its kind alone: its message may hold values', () => {
    const error = Object.assign(new TypeError('cannot read "hunter2"\n    at hunter2 (secret:1)'), {
      code: 'ERR_X',
    })
    const { text, exitCode } = describeFailure(error, calm)
    expect(text).toContain('kvmig: UNEXPECTED  kvmig met an error that it has no word for (TypeError ERR_X).')
    expect(text).toContain('KVMIG_DEBUG=1')
    expect(text).not.toContain('hunter2')
    expect(exitCode).toBe(1)
  })

  test('shows its frames under KVMIG_DEBUG=1, and those of its causes, still without messages', () => {
    const error = new KvmigError('SOURCE', 'The store is down.', {
      cause: new Error('hunter2\n    at hunter2'),
    })
    const { text } = describeFailure(error, { ...calm, env: { KVMIG_DEBUG: '1' } })
    expect(text).toContain('caused by Error')
    expect(text).toMatch(/ at .*failure\.test\.ts/)
    expect(text).not.toContain('hunter2')
  })

  test('that a signal brought about is no error', () => {
    const stop = new AbortController()
    stop.abort(new Interruption('SIGTERM', 143))
    expect(describeFailure(new Error('aborted'), { ...calm, signal: stop.signal }).exitCode).toBe(143)
  })

  test('cannot fake a line of ours, or move the cursor', () => {
    const { text } = describeFailure(new KvmigError('X', 'key a\nkvmig: OK \u001b[31m'), calm)
    expect(text).toBe('kvmig: X  key a\\nkvmig: OK \\u001b[31m\n')
  })
})

describe('a store that cannot be used is told by its address without the password', () => {
  let project: ReturnType<typeof projectFolder>
  beforeAll(() => {
    project = projectFolder(BLOG)
  })
  afterAll(() => project.remove())

  test.each([
    [
      'status',
      { DATABASE_URL: 'postgres://app:hunter2@127.0.0.1:1/app' },
      /^kvmig: [A-Z_]+ {2}.*postgres:\/\/127\.0\.0\.1:1\/app/,
    ],
    [
      'inspect',
      { DATABASE_URL: 'pglite:memory', KV_URL: 'redis://app:hunter2@127.0.0.1:1/0' },
      /^kvmig: [A-Z_]+ {2}.*redis:\/\/127\.0\.0\.1:1/,
    ],
    ['status', { DATABASE_URL: 'mysql://app:hunter2@127.0.0.1/app' }, /^kvmig: ADDRESS {2}/],
    [
      'inspect',
      { DATABASE_URL: 'pglite:memory', KV_URL: 'memcached://app:hunter2@127.0.0.1' },
      /^kvmig: ADDRESS {2}/,
    ],
    [
      'inspect',
      { DATABASE_URL: 'pglite:memory', KV_URL: 'rdb:./nowhere.rdb' },
      /^kvmig: SOURCE_FILE {2}rdb:\.\/nowhere\.rdb cannot be read/,
    ],
  ])('%s with %j', async (command, env: Record<string, string>, message) => {
    const { code, stdout, stderr } = await runCli([command], { cwd: project.path, env })
    expect(stderr).toMatch(message)
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
    expect(stderr).not.toContain('hunter2')
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })
})
