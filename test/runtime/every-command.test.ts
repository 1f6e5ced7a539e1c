import { Redis } from 'ioredis'
import { afterAll, describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/runtime/commands/index.ts'
import { commandKeys } from '../../src/sources/redis/command-keys.ts'
import { type Described, type DescribedByServer, describedBy } from './server-commands.ts'
import { PLANS, startWorld } from './world.ts'

const world = await startWorld('postgres', { users: PLANS.users! })
await world.applyA()
const kvmig = await world.connect({ shadow: 0 })
const raw = new Redis(world.redis.url)
const redis = kvmig.wrap(new Redis(world.redis.url))
afterAll(() => {
  raw.disconnect()
  redis.disconnect()
})

/** A claimed key, in every call that is made here. */
const KEY = 'user:ann'

const all = describedBy((await raw.call('COMMAND')) as readonly DescribedByServer[], KEY)
// Scripts say nothing about what they do.
const reads = ({ flags }: Described) => flags.includes('readonly')
const writes = (it: Described) => !reads(it) && (it.flags.includes('write') || it.calls.length > 0)
const writing = all.filter((it) => writes(it) && it.name !== 'watch')
const reading = all.filter((it) => reads(it) && it.calls.length > 0)

/** How a call ends: the code of an error of kvmig's; undefined where the server was asked, whatever it said. */
const refusal = ([name, ...args]: readonly string[]): Promise<string | undefined> =>
  redis.call(name!, ...args).then(
    () => undefined,
    (error) => error.code,
  )

async function endings(commands: readonly Described[]): Promise<readonly (readonly [string, unknown])[]> {
  const found: (readonly [string, unknown])[] = []
  for (const { name, calls } of commands)
    for (const call of calls.length > 0 ? calls : [[name]])
      found.push([call.join(' '), await refusal(call)] as const)
  return found
}

async function go(phase: 'A' | 'B' | 'C' | 'D'): Promise<void> {
  await world.flip('users', phase)
  await world.known(kvmig)
}

describe('every command that the server has', () => {
  test('tells its keys, wherever they stand', () => {
    expect(writing.length).toBeGreaterThan(90)
    expect(reading.length).toBeGreaterThan(60)
    const missed = [...writing, ...reading].flatMap(({ calls }) =>
      calls.filter(
        ([name, ...args]) =>
          !commandKeys(
            name!,
            args.map((it) => Buffer.from(it)),
          ).some((it) => it.equals(Buffer.from(KEY))),
      ),
    )
    expect(missed).toEqual([])
  })

  test.each(['A', 'B', 'C', 'D'] as const)(
    'and may write is written to both sides, or refused, also without a key (%s)',
    async (phase) => {
      await go(phase)
      const others = await endings(writing.filter((it) => !COMMANDS[it.name]))
      expect(others.length).toBeGreaterThan(40)
      // These keep code, and no keys.
      const free = new Set(['function|delete', 'function|flush', 'function|load', 'function|restore'])
      const passed = others.flatMap(([call, code]) => (code === 'COMMAND_UNSUPPORTED' ? [] : [call]))
      expect(new Set(passed)).toEqual(free)
    },
  )

  test('and only reads is answered by the source in B, but for scripts and what waits', async () => {
    await go('B')
    const refused = (await endings(reading)).filter(([, code]) => code === 'COMMAND_UNSUPPORTED')
    expect(new Set(refused.map(([call]) => call.split(' ')[0]))).toEqual(
      new Set(['eval_ro', 'evalsha_ro', 'fcall_ro', 'xread']),
    )
  })

  test('and only reads is answered from Postgres in C, or refused', async () => {
    await go('C')
    const others = await endings(reading.filter((it) => !COMMANDS[it.name]))
    expect(others.filter(([, code]) => code !== 'COMMAND_UNSUPPORTED')).toEqual([])
    expect(() => redis.hscanStream(KEY)).toThrow('HSCAN cannot be answered from Postgres')
  })
})

describe('a command that nobody here knows', () => {
  test('is refused where one of its arguments is a key that a plan claims, and else is the server’s', async () => {
    await expect(redis.call('JSON.SET', KEY, '$', '{}')).rejects.toMatchObject({
      code: 'COMMAND_UNSUPPORTED',
    })
    await expect(redis.call('NEWER', 'x', KEY)).rejects.toMatchObject({ code: 'COMMAND_UNSUPPORTED' })
    await expect(redis.call('NEWER', 'other')).rejects.toThrow(/unknown command/)
    const queued = redis.multi()
    queued.call('JSON.SET', KEY, '$', '{}')
    await expect(queued.exec()).rejects.toMatchObject({ code: 'COMMAND_UNSUPPORTED' })
  })

  test('is no method of the client', async () => {
    const keys: string[] = []
    for await (const page of redis.scanStream({ match: 'user:*' })) keys.push(...(page as string[]))
    expect(keys).toEqual([])
  })
})

test('a client of another database than the source is refused', () => {
  const other = new Redis(world.redis.url, { db: 3, lazyConnect: true })
  expect(() => kvmig.wrap(other)).toThrow('a client of database 3, where the source is database 0')
})

test.each([
  ['FLUSHDB', 'on a database that plans have keys in'],
  ['FLUSHALL', 'on a database that plans have keys in'],
  ['SELECT 1', 'on the database of a source'],
  ['SWAPDB 0 1', 'on the database of a source'],
])('%s is refused, alone, in a pipeline and in a transaction', async (call, why) => {
  const [name, ...args] = call.split(' ')
  await expect(redis.call(name!, ...args)).rejects.toThrow(why)
  await expect(redis.multi([[name!.toLowerCase(), ...args]]).exec()).rejects.toThrow(why)
  const [queued] = (await redis.pipeline([[name!.toLowerCase(), ...args]]).exec())!
  expect(queued![0]?.message).toContain(why)
})
