import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { entryToLine } from '../../src/sources/ndjson/write.ts'
import { ndjson } from '../../src/sources/ndjson.ts'
import { PART } from '../../src/sources/part.ts'
import { rdb } from '../../src/sources/rdb.ts'
import { redis } from '../../src/sources/redis.ts'
import type { Entry, Source, SourceAdapter } from '../../src/sources/source.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { byKey, entriesOf, expiringHash, hash, string } from './entries.ts'
import { hasFieldExpiry, serverVersion } from './server-version.ts'

const LATER = 2_000_000_000_000
const SOME: readonly (readonly [string, string, number | null])[] = [
  ['session', 'x', LATER],
  ['name', 'Ann', null],
  ['token', 'y', LATER + 1],
]

let server: FreshRedis
beforeAll(async () => {
  server = await freshRedis()
})
afterAll(() => server.stop())
beforeEach(() => server.client.flushall())

async function everything(adapter: SourceAdapter, address: string): Promise<readonly Entry[]> {
  const source: Source = await adapter.open(address, {
    root: server.folder,
    signal: new AbortController().signal,
  })
  try {
    return await entriesOf(source.scan({ prefix: Buffer.alloc(0), want: () => 'entry' }))
  } finally {
    await source.close()
  }
}

async function write(key: string, fields: typeof SOME): Promise<void> {
  const { client } = server
  for (let at = 0; at < fields.length; at += 500) {
    const some = fields.slice(at, at + 500)
    await client.hset(key, ...some.flatMap((it) => it.slice(0, 2) as string[]))
    for (const [field, , expiry] of some)
      if (expiry !== null) await client.call('HPEXPIREAT', key, String(expiry), 'FIELDS', '1', field)
  }
}

describe.skipIf(!hasFieldExpiry())(
  `a server that has fields that expire (this one is ${serverVersion()})`,
  () => {
    test('gives them with their expiries, and other hashes without', async () => {
      await write('some', SOME)
      await write('none', [['f', 'v', null]])
      await server.client.pexpireat('some', LATER + 10)
      await server.client.set('s', 'x')
      const entries = await everything(redis, server.url)
      expect(byKey(entries)).toEqual(
        byKey([expiringHash('some', SOME, LATER + 10), hash('none', ['f', 'v']), string('s', 'x')]),
      )
      expect(entries.find((it) => it.key.toString() === 'none')?.value).not.toHaveProperty('expiries')
    })

    test('does not give those that have expired, nor a hash that had nothing else', async () => {
      await server.client.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0').catch(() => {})
      await write('some', [...SOME, ['gone', 'z', LATER]])
      await write('gone', [['f', 'v', LATER]])
      await server.client.call('HPEXPIRE', 'some', '1', 'FIELDS', '1', 'gone')
      await server.client.call('HPEXPIRE', 'gone', '1', 'FIELDS', '1', 'f')
      await expect
        .poll(() => server.client.hlen('some').then(() => server.client.hget('some', 'gone')))
        .toBe(null)
      await expect.poll(() => server.client.hget('gone', 'f')).toBe(null)
      expect(byKey(await everything(redis, server.url))).toEqual(byKey([expiringHash('some', SOME)]))
      copyFileSync(await server.save(), join(server.folder, 'gone.rdb'))
      expect(byKey(await everything(rdb, 'rdb:gone.rdb')).get('some')).toEqual(
        byKey([expiringHash('some', SOME)]).get('some'),
      )
    })

    test('gives those of a hash that is larger than a part', async () => {
      const fields = Array.from(
        { length: PART + 100 },
        (_, it) => [`f${it}`, `v${it}`, it % 100 === 0 ? LATER + it : null] as const,
      )
      await write('big', fields)
      expect(byKey(await everything(redis, server.url))).toEqual(byKey([expiringHash('big', fields)]))
    })

    test('says the same over its connection, in a backup, and in a file made of either', async () => {
      const long = SOME.map(([field, value, expiry]) => [field, value.repeat(200), expiry] as const)
      await write('packed', SOME)
      await write('plain', long)
      const expected = byKey([expiringHash('packed', SOME), expiringHash('plain', long)])
      copyFileSync(await server.save(), join(server.folder, 'fields.rdb'))
      const found = await everything(redis, server.url)
      expect(byKey(found)).toEqual(expected)
      expect(byKey(await everything(rdb, 'rdb:fields.rdb'))).toEqual(expected)
      writeFileSync(join(server.folder, 'fields.ndjson'), found.map(entryToLine).join(''))
      expect(byKey(await everything(ndjson, 'ndjson:fields.ndjson'))).toEqual(expected)
    })

    test('a user who may not ask for them is told so, for they would be lost without a word', async () => {
      await write('some', SOME)
      await server.client.call('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '+@all', '-hpexpiretime')
      await expect(everything(redis, server.url.replace('//', '//reader:pw@'))).rejects.toMatchObject({
        code: 'SOURCE_NOPERM',
        message: expect.stringContaining('HPEXPIRETIME'),
      })
      await server.client.flushall()
      await write('none', [['f', 'v', null]])
      expect(await everything(redis, server.url.replace('//', '//reader:pw@'))).toHaveLength(1)
    })
  },
)

test('a line of a file holds a field that expires as a triple', () => {
  const line = entryToLine(expiringHash('k', SOME))
  expect(line).toBe(
    '{"key":"k","type":"hash","value":[["session","x",2000000000000],["name","Ann"],["token","y",2000000000001]],"expires_at":null}\n',
  )
})

test.skipIf(hasFieldExpiry())(
  'a server without fields that expire is asked once whether it has any',
  async () => {
    for (let it = 0; it < 50; it++) await server.client.hset(`h:${it}`, 'f', 'v')
    await server.client.config('RESETSTAT')
    await everything(redis, server.url)
    const stats = await server.client.info('commandstats')
    expect(stats).not.toContain('cmdstat_hpexpiretime')
  },
)
