import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { type Change, decodeChange, encodeChange } from '../../src/sources/change.ts'
import { redis } from '../../src/sources/redis.ts'
import { freshRedis } from '../setup/redis.ts'

const server = await freshRedis()
const live = await redis.openLive!(server.url, { root: '/', signal: new AbortController().signal })
afterAll(async () => {
  await live.close()
  await server.stop()
})
beforeEach(() => server.client.flushall())

const b = (text: string): Buffer => Buffer.from(text)
const key = b('k')
const string = (text: string, expiresAt: number | null = null): Change => ({
  do: 'put',
  value: { type: 'string', bytes: b(text) },
  expiresAt,
})
const apply = (part: string, change: Change, version?: number, epoch = 1) =>
  live.apply({ plan: 'p', epoch, changes: [{ key, part, change, ...(version && { version }) }] })
const read = async (part = '') => (await live.read([{ key, part }]))[0]!

const PUTS: readonly [name: string, part: string, change: Change][] = [
  ['a string', '', string('\0\xff')],
  [
    'a hash',
    '',
    { do: 'put', value: { type: 'hash', pairs: [b('f'), b('1'), b('g'), b('')] }, expiresAt: null },
  ],
  ['a list', '', { do: 'put', value: { type: 'list', items: [b('x'), b('y'), b('x')] }, expiresAt: null }],
  ['a set', '', { do: 'put', value: { type: 'set', members: [b('x')] }, expiresAt: null }],
  [
    'a sorted set',
    '',
    {
      do: 'put',
      value: { type: 'zset', members: [b('x'), b('y')], scores: [1.5, Infinity] },
      expiresAt: null,
    },
  ],
  [
    'a field',
    'field:a:b',
    { do: 'put', value: { type: 'hash', pairs: [b('a:b'), b('v')] }, expiresAt: null },
  ],
  ['a member', 'member:m', { do: 'put', value: { type: 'set', members: [b('m')] }, expiresAt: null }],
  [
    'a scored member',
    'member:m',
    { do: 'put', value: { type: 'zset', members: [b('m')], scores: [-2] }, expiresAt: null },
  ],
]

describe('a live Redis', () => {
  test.each(PUTS)('puts %s, gives it back with its version, and deletes it', async (_, part, change) => {
    expect(await apply(part, change, 1)).toEqual({ fenced: false, results: ['applied'] })
    const there = await read(part)
    expect(there.version).toBe(1)
    expect(there.entry).toMatchObject({ value: change.do === 'put' && change.value, expiresAt: null })
    expect(await apply(part, { do: 'delete' }, 2)).toEqual({ fenced: false, results: ['applied'] })
    expect(await read(part)).toEqual({ version: 2, entry: undefined })
  })

  test.each(PUTS)('has %s as bytes for the outbox', (_, _part, change) => {
    expect(decodeChange(encodeChange(change))).toEqual(change)
  })

  test('leaves what has this version or a newer one (H17, H19)', async () => {
    await apply('', string('two'), 2)
    expect(await apply('', string('one'), 1)).toEqual({ fenced: false, results: ['older'] })
    expect(await apply('', string('again'), 2)).toEqual({ fenced: false, results: ['older'] })
    expect((await read()).entry!.value).toEqual({ type: 'string', bytes: b('two') })
  })

  test('leaves what was deleted by a newer version', async () => {
    await apply('', { do: 'delete' }, 2)
    expect(await apply('', string('one'), 1)).toEqual({ fenced: false, results: ['older'] })
    expect((await read()).entry).toBeUndefined()
  })

  test('keeps the versions of fields apart', async () => {
    const field = (name: string): Change => ({
      do: 'put',
      value: { type: 'hash', pairs: [b(name), b('v')] },
      expiresAt: null,
    })
    await apply('field:x', field('x'), 5)
    expect(await apply('field:y', field('y'), 1)).toEqual({ fenced: false, results: ['applied'] })
  })

  test('refuses whoever carries an epoch that is over, before anything is written (H46)', async () => {
    await live.raiseEpoch('p', 3)
    await live.raiseEpoch('p', 2)
    expect(await live.epoch('p')).toBe(3)
    expect(await apply('', string('late'), 9, 2)).toEqual({ fenced: true, plan: 'p', epoch: 3 })
    expect(await read()).toEqual({ version: 0, entry: undefined })
    expect(await apply('', string('in time'), 9, 4)).toEqual({ fenced: false, results: ['applied'] })
    expect(await live.epoch('p')).toBe(4)
  })

  test('sets the expiry, and a put without one clears it (H11)', async () => {
    const expiresAt = Date.now() + 100_000
    await apply('', string('a', expiresAt), 1)
    expect((await read()).entry!.expiresAt).toBe(expiresAt)
    await apply('', string('a'), 2)
    expect((await read()).entry!.expiresAt).toBeNull()
  })

  test('writes several records at one instant', async () => {
    const changes = ['a', 'b'].map((it) => ({ key: b(it), part: '', change: string(it), version: 1 }))
    expect(await live.apply({ plan: 'p', epoch: 1, changes })).toEqual({
      fenced: false,
      results: ['applied', 'applied'],
    })
  })

  test('takes values of many thousand elements', async () => {
    const pairs = Array.from({ length: 20_000 }, (_, n) => [b(`f${n}`), b('v')]).flat()
    await apply('', { do: 'put', value: { type: 'hash', pairs }, expiresAt: null }, 1)
    expect(await server.client.hlen('k')).toBe(20_000)
  })

  test('says that the server is gone, and goes on when it is back', async () => {
    await server.kill()
    await expect(apply('', string('x'), 1)).rejects.toMatchObject({ code: 'SOURCE_LOST' })
    await server.restart()
    await expect.poll(() => apply('', string('x'), 1).catch(() => undefined)).toBeDefined()
    expect((await read()).version).toBe(1)
  })
})

describe('a user with few rights', () => {
  const open = async (...rules: string[]) => {
    await server.client.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>pw', '-@all', ...rules)
    const address = `redis://app:pw@127.0.0.1:${server.port}`
    return redis.openLive!(address, { root: '/', signal: new AbortController().signal })
  }
  // As docs/sources.md has them.
  const COMMANDS = '+@read +@write +@transaction +@connection +eval +evalsha +info +time'.split(' ')
  const write = { plan: 'p', epoch: 1, changes: [{ key, part: '', change: string('v'), version: 1 }] }

  test('writes and reads with what the docs say', async () => {
    const app = await open('~k', '~kvmig:*', ...COMMANDS)
    await app.raiseEpoch('p', 1)
    expect(await app.apply(write)).toEqual({ fenced: false, results: ['applied'] })
    expect((await app.read([{ key, part: '' }]))[0]!.version).toBe(1)
    await app.close()
  })

  test.each([
    ['the keys of kvmig', ['~k', ...COMMANDS]],
    ['the command of a change', ['~k', '~kvmig:*', ...COMMANDS, '-set']],
  ])('is told what it lacks: %s', async (_, rules) => {
    const app = await open(...rules)
    await expect(app.apply(write)).rejects.toMatchObject({
      code: 'SOURCE_NOPERM',
      hint: expect.stringContaining('~kvmig:*'),
    })
    await app.close()
  })
})
