import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { projectFolder, ran } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { dump, fill, PROJECT } from './world.ts'

let redis: FreshRedis
let database: FreshDatabase
let project: { path: string; remove(): void }
let environment: Record<string, string>

beforeAll(async () => {
  redis = await freshRedis()
})
afterAll(() => redis?.stop())
beforeEach(async () => {
  await redis.client.flushall()
  await fill(redis.client)
  database = await freshDatabase()
  project = projectFolder(PROJECT)
  environment = { KV_URL: redis.url, DATABASE_URL: database.url }
  return async () => {
    project.remove()
    await database.drop()
  }
})

const run = (args: readonly string[], more: Record<string, string> = {}) =>
  ran(project.path, args, { ...environment, ...more })
const archives = () => readdirSync(join(project.path, 'archive'))

test('archives what belongs to a plan, and brings it back into an emptied store', async () => {
  const before = await dump(redis.client)
  const ended = await run(['archive'])
  expect(ended.stdout).toMatch(
    /✓ done {2}things {2}archive {2}9 keys in \.\/archive\/things-\S+, read back and verified; to be kept until /,
  )
  expect(ended.code).toBe(0)
  // Nothing of the store changed.
  expect(await dump(redis.client)).toEqual(before)

  await redis.client.flushall()
  const back = await run(['restore', `archive/${archives()[0]}`, '--yes'])
  expect(back.stdout).toContain('9 written')
  expect(back.code).toBe(0)
  // Keys of others, and sessions, are not the plan's.
  const { 'other:1': _, 'session:1': __, ...own } = before
  expect(await dump(redis.client)).toEqual(own)
})

test('a restore asks, keeps what is there, and names it', async () => {
  await run(['archive'])
  await redis.client.set('note:1', 'newer')
  const folder = `archive/${archives()[0]}`
  const refused = await run(['restore', folder])
  expect(refused.stderr).toContain('NOT_CONFIRMED')
  expect(refused.code).toBe(1)
  const kept = await run(['restore', folder, '--yes'])
  expect(kept.stdout).toContain('1 kept, 8 same')
  expect(kept.stdout).toContain('note:1')
  const replaced = await run(['restore', folder, '--yes', '--replace'])
  expect(replaced.stdout).toContain('8 same, 1 written')
  expect(await redis.client.get('note:1')).toBe('plain text')
})

test('an archive of nowhere, and one that is not there, say what to do', async () => {
  const missing = await run(['restore', 'nowhere', '--yes'])
  expect(missing.stderr).toContain('ARCHIVE_MISSING')
  expect(missing.code).toBe(1)
})

describe('killed, and run again', () => {
  test.each(['archive.begun', 'archive.part-written', 'archive.written'])(
    'at %s: one whole archive',
    async (name) => {
      const killed = await run(['archive'], { KVMIG_FAILPOINT: name })
      expect(killed.signal).toBe('SIGKILL')
      const ended = await run(['archive'])
      expect(ended.stderr).not.toContain('kvmig:')
      expect(archives()).toHaveLength(1)
      const before = await dump(redis.client)
      await redis.client.del('note:1', 'bag:h')
      expect((await run(['restore', `archive/${archives()[0]}`, '--yes'])).stdout).toContain(
        '7 same, 2 written',
      )
      expect(await dump(redis.client)).toMatchObject({ ...before })
    },
  )

  test('at archive.key-restored: every key once, whole', async () => {
    await run(['archive'])
    const { 'other:1': _, 'session:1': __, ...own } = await dump(redis.client)
    await redis.client.flushall()
    const killed = await run(['restore', `archive/${archives()[0]}`, '--yes'], {
      KVMIG_FAILPOINT: 'archive.key-restored:4',
    })
    expect(killed.signal).toBe('SIGKILL')
    expect(Object.keys(await dump(redis.client))).toHaveLength(4)
    expect((await run(['restore', `archive/${archives()[0]}`, '--yes'])).stdout).toContain(
      '4 same, 5 written',
    )
    expect(await dump(redis.client)).toEqual(own)
  })
})
