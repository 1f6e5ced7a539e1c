import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'

const folder = join(import.meta.dirname, '../../examples/vibe')
const DIGEST = ['--enable-debug-command', 'yes', '--dbfilename', 'kv.rdb'] as const

test('the shipped backup holds what its generator writes', async () => {
  const [shipped, generated] = await Promise.all([
    freshRedis({ arguments: DIGEST }),
    freshRedis({ arguments: DIGEST }),
  ])
  try {
    copyFileSync(join(folder, 'kv.rdb'), join(shipped.folder, 'kv.rdb'))
    await shipped.kill()
    await shipped.restart()
    await seed(generated)
    expect(await shipped.client.dbsize()).toBe(2082)
    expect(await shipped.client.call('DEBUG', 'DIGEST')).toBe(await generated.client.call('DEBUG', 'DIGEST'))
    expect(await expiries(shipped)).toEqual(await expiries(generated))
  } finally {
    await Promise.all([shipped.stop(), generated.stop()])
  }
})

async function seed({ client }: FreshRedis): Promise<void> {
  const output = execFileSync(process.execPath, [join(folder, 'seed.mjs')], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  })
  const pipeline = client.pipeline()
  for (const line of output.trim().split('\n')) {
    const [command, ...args] = JSON.parse(line).cmd
    pipeline.call(command, ...args)
  }
  for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error
}

// The digest says that a key expires, not when.
async function expiries({ client }: FreshRedis): Promise<readonly (readonly [string, number])[]> {
  const keys = (await client.keys('*')).sort()
  return Promise.all(keys.map(async (key) => [key, await client.pexpiretime(key)] as const))
}
