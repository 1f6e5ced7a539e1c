import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { folderPlace } from '../../src/archive/folder.ts'
import { letGo } from '../../src/archive/let-go.ts'
import { newcomers } from '../../src/archive/newcomers.ts'
import { openArchive, verifyArchive } from '../../src/archive/read-archive.ts'
import { restore } from '../../src/archive/restore.ts'
import { deletedOf } from '../../src/archive/without-deleted.ts'
import { writeArchive } from '../../src/archive/write-archive.ts'
import { inParts } from '../../src/sources/part.ts'
import { redis as adapter } from '../../src/sources/redis.ts'
import type { Entry, Page, Source } from '../../src/sources/source.ts'
import { compilePlans } from '../mapping/compiled.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { dump, fill } from './world.ts'

const signal = new AbortController().signal
const ABOUT = {
  kvmig: 'test',
  plan: 'things',
  source: 'kv',
  archivedAt: '2026-01-01T00:00:00.000Z',
  keepUntil: '2026-01-31T00:00:00.000Z',
}
const ALL = { prefix: Buffer.alloc(0), want: () => 'entry' as const }

let redis: FreshRedis
let source: Source
let root: string

beforeAll(async () => {
  redis = await freshRedis()
  source = await adapter.open(redis.url, { root: '.', signal })
})
afterAll(async () => {
  await source?.close()
  await redis?.stop()
})
beforeEach(async () => {
  await redis.client.flushall()
  root = mkdtempSync(join(tmpdir(), 'kvmig-archive-'))
  return () => rmSync(root, { recursive: true, force: true })
})

const archived = async (partBytes = 100) => {
  const place = folderPlace(root, 'archive')
  await writeArchive({ place, folder: 'one', pages: source.scan(ALL), about: ABOUT, partBytes })
  return openArchive(place, 'one')
}

test('brings back every type byte for byte, with expiries', async () => {
  await fill(redis.client)
  const before = await dump(redis.client)
  const archive = await archived()
  expect(archive.manifest.parts.length).toBeGreaterThan(3)
  await redis.client.flushall()

  const editor = await source.edit!()
  const back = await restore(archive, source, editor, { replace: false, signal })
  await editor.close()
  expect(back).toEqual({ written: 11, same: 0, kept: 0, expired: 0, left: 0, samples: [] })
  expect(await dump(redis.client)).toEqual(before)
})

test('brings back collections of many parts, and a stream without messages', async () => {
  const pairs = Array.from({ length: 25_000 }, (_, i) => [`f${i}`, `v${i}`] as const)
  await redis.client.hset('big', Object.fromEntries(pairs))
  await redis.client.rpush('list', ...pairs.map(([it]) => it))
  await redis.client.xgroup('CREATE', 'empty', 'g', '$', 'MKSTREAM')
  await redis.client.xgroup('DESTROY', 'empty', 'g')
  const archive = await archived(1_000_000)
  await redis.client.flushall()
  const editor = await source.edit!()
  await restore(archive, source, editor, { replace: false, signal })
  await editor.close()
  expect(await redis.client.hgetall('big')).toEqual(Object.fromEntries(pairs))
  expect(await redis.client.lrange('list', 0, -1)).toEqual(pairs.map(([it]) => it))
  expect(await redis.client.exists('empty', 'kvmig:restoring')).toBe(1)
})

test('H71 lets go of what is as it was archived, and of nothing else: a forgotten writer keeps his keys', async () => {
  await fill(redis.client)
  const archive = await archived()
  await redis.client.set('note:1', 'written by a forgotten instance')
  await redis.client.rpush('bag:l', 'three')
  await redis.client.persist('note:later')
  await redis.client.del('bag:x')
  await redis.client.set('new:1', 'was not there')

  const editor = await source.edit!()
  const gone = await letGo(archive, editor, { signal })
  expect(gone).toMatchObject({ removed: 7, changed: 3, gone: 1 })
  expect(gone.samples.map(String).sort()).toEqual(['bag:l', 'note:1', 'note:later'])
  expect((await redis.client.keys('*')).sort()).toEqual(['bag:l', 'new:1', 'note:1', 'note:later'])

  // Twice is once.
  expect(await letGo(archive, editor, { signal })).toMatchObject({ removed: 0, changed: 3, gone: 8 })
  await editor.close()
})

test('a write between the look and the deletion keeps its key', async () => {
  for (let i = 0; i < 300; i++) await redis.client.set(`k:${i}`, 'archived')
  const archive = await archived(1_000_000)
  const racing = await adapter.open(redis.url, { root: '.', signal })
  // The last moment before the deletion: everything was read and found to be equal.
  const read = racing.read.bind(racing)
  racing.read = async function* (keys) {
    yield* read(keys)
    for (const key of keys) if (/[05]$/.test(String(key))) await redis.client.set(key, 'newer')
  }
  const editor = await racing.edit!()
  expect(await letGo(archive, editor, { signal })).toMatchObject({ removed: 240, changed: 60, gone: 0 })
  expect(new Set(await redis.client.mget(await redis.client.keys('*')))).toEqual(new Set(['newer']))
  await editor.close()
  await racing.close()
})

test('lets go of the versions beside a key together with it', async () => {
  await redis.client.mset('a', '1', 'b', '1')
  for (const it of ['a', 'b']) await redis.client.hset(`kvmig:v:{${it}}`, '', '7')
  const archive = await openFor(['a', 'b'])
  await redis.client.set('b', '2')
  const editor = await source.edit!()
  await letGo(archive, editor, { signal })
  await editor.close()
  expect((await redis.client.keys('*')).sort()).toEqual(['b', 'kvmig:v:{b}'])
})

test('a restore keeps what is there, says so, and replaces it when told to', async () => {
  await fill(redis.client)
  const archive = await archived()
  const before = await dump(redis.client)
  await redis.client.set('note:1', 'newer')
  await redis.client.del('bag:h', 'bag:z')
  const editor = await source.edit!()
  const first = await restore(archive, source, editor, { replace: false, signal })
  expect(first).toMatchObject({ written: 2, same: 8, kept: 1 })
  expect(first.samples.map(String)).toEqual(['note:1'])
  expect(await redis.client.get('note:1')).toBe('newer')
  expect(await restore(archive, source, editor, { replace: true, signal })).toMatchObject({
    written: 1,
    same: 10,
  })
  await editor.close()
  expect(await dump(redis.client)).toEqual(before)
})

test('what has expired since stays gone, and what is not wanted back is left', async () => {
  await redis.client.set('short', 'x', 'PX', 60_000)
  await redis.client.mset('a', '1', 'b', '2')
  const archive = await archived()
  await redis.client.flushall()
  const place = folderPlace(root, 'archive')
  const entries = [entry('short', 1), entry('a', null), entry('b', null)]
  await writeArchive({ place, folder: 'old', pages: pages(entries), about: ABOUT })
  const editor = await source.edit!()
  const back = await restore(await openArchive(place, 'old'), source, editor, {
    replace: false,
    signal,
    without: deletedOf([{ key: Buffer.from('b'), part: '' }]),
  })
  await editor.close()
  expect(back).toMatchObject({ written: 1, expired: 1, left: 1 })
  expect(await redis.client.keys('*')).toEqual(['a'])
  expect(archive.manifest.keys).toBe(3)
})

test('elements that were deleted since are left out of their entries', async () => {
  await redis.client.hset('h', { a: '1', b: '2' })
  await redis.client.sadd('s', 'x', 'y')
  await redis.client.zadd('z', 1, 'x', 2, 'y', 3, 'z')
  await redis.client.hset('gone', { a: '1' })
  const archive = await archived()
  await redis.client.flushall()
  const without = deletedOf(
    [
      ['h', 'field:a'],
      ['s', 'member:y'],
      ['z', 'member:y'],
      ['gone', 'field:a'],
      ['h', 'member:b'],
    ].map(([key, part]) => ({ key: Buffer.from(key!), part: part! })),
  )
  const editor = await source.edit!()
  const back = await restore(archive, source, editor, { replace: false, signal, without })
  await editor.close()
  expect(back).toMatchObject({ written: 3, left: 1 })
  expect(await redis.client.hgetall('h')).toEqual({ b: '2' })
  expect(await redis.client.smembers('s')).toEqual(['x'])
  expect(await redis.client.zrange('z', '0', '-1', 'WITHSCORES')).toEqual(['x', '1', 'z', '3'])
  expect(await redis.client.exists('gone')).toBe(0)
})

test('the store says for how long nobody has used a key, and asking is no use', async () => {
  // Numbers below 10,000 are shared by all keys that hold them, and would share their time of use.
  await redis.client.mset('new', 'a', 'old', 'b', 'ancient', 'c')
  const age = async (key: string, seconds: number) => {
    const value = (await redis.client.dumpBuffer(key))!
    await redis.client.call('RESTORE', ...[key, '0', value, 'REPLACE', 'IDLETIME', String(seconds)])
  }
  const uptime = async () => Number(/uptime_in_seconds:(\d+)/.exec(await redis.client.info('server'))![1])
  // What is as old as the server may be older.
  await expect.poll(uptime, { timeout: 10_000 }).toBeGreaterThan(5)
  await redis.client.set('new', 'd')
  await age('old', 1)
  await age('ancient', 100_000)
  const editor = await source.edit!()
  const look = () => editor.idleMillis(['new', 'old', 'ancient', 'none'].map((it) => Buffer.from(it)))
  const [fresh, old, ancient, none] = (await look())!
  expect(fresh).toBeLessThanOrEqual(1000)
  expect(old).toBeGreaterThan(0)
  expect([ancient, none]).toEqual([undefined, undefined])
  expect((await look())![1]).toBeGreaterThanOrEqual(old!)
  await redis.client.config('SET', 'maxmemory-policy', 'allkeys-lfu')
  expect(await look()).toBeUndefined()
  await redis.client.config('SET', 'maxmemory-policy', 'noeviction')
  await editor.close()
})

test('what kvmig itself reads is no use, where the store can leave it out', async (context) => {
  const [, major = 0, minor = 0] =
    /redis_version:(\d+)\.(\d+)/.exec(await redis.client.info('server'))?.map(Number) ?? []
  if (major < 7 || (major === 7 && minor < 2)) context.skip('CLIENT NO-TOUCH came with Redis 7.2')
  await redis.client.set('rested', 'a')
  const editor = await source.edit!()
  const idle = async () => (await editor.idleMillis([Buffer.from('rested')]))![0]!
  await expect.poll(idle, { timeout: 10_000 }).toBeGreaterThanOrEqual(2000)
  for await (const { entries } of source.read([Buffer.from('rested')])) expect(entries).toHaveLength(1)
  expect(await idle()).toBeGreaterThanOrEqual(2000)
  await editor.close()
})

describe('what a scan does', () => {
  test('a key that is given twice is archived once; a collection that begins anew is archived as it was last', async () => {
    const list = (...items: string[]): Entry => ({
      ...entry('l', null),
      type: 'list',
      value: { type: 'list', items: items.map((it) => Buffer.from(it)) },
    })
    const [first] = inParts(list('a', 'b', 'c'), 2)
    const given = [entry('a', null), first!, ...inParts(list('x', 'y', 'z'), 2), entry('a', null)]
    const place = folderPlace(root, 'archive')
    const { manifest } = await writeArchive({ place, folder: '.', pages: pages(given), about: ABOUT })
    expect(manifest.keys).toBe(2)
    const archive = await openArchive(place, '.')
    expect(await verifyArchive(archive)).toBe(2)
    const editor = await source.edit!()
    await restore(archive, source, editor, { replace: false, signal })
    await editor.close()
    expect(await redis.client.lrange('l', 0, -1)).toEqual(['x', 'y', 'z'])
  })

  test('a type that kvmig cannot read is left in the store', async () => {
    const odd: Entry = {
      key: Buffer.from('odd'),
      type: 'unknown:json',
      expiresAt: null,
      offset: 0,
      more: false,
    }
    const place = folderPlace(root, 'archive')
    const { manifest, unreadable } = await writeArchive({
      place,
      folder: '.',
      pages: pages([odd, entry('a', null)]),
      about: ABOUT,
    })
    expect([manifest.keys, unreadable]).toEqual([1, 1])
  })
})

describe('damage', () => {
  test('every changed, missing or additional byte is found', async () => {
    await fill(redis.client)
    const archive = await archived(400)
    expect(await verifyArchive(archive)).toBe(11)
    const files = readdirSync(join(root, 'one'))
    let tried = 0
    for (const name of files) {
      const path = join(root, 'one', name)
      const bytes = readFileSync(path)
      const damages = [bytes.subarray(0, bytes.length - 1), Buffer.concat([bytes, Buffer.from('\n')])]
      for (let at = 0; at < bytes.length; at += 7) {
        const changed = Buffer.from(bytes)
        changed[at]! ^= 1 << (at % 8)
        damages.push(changed)
      }
      for (const it of damages) {
        // White space at the end of the manifest is the only change that changes nothing.
        if (name === 'manifest.json' && it.toString().trimEnd() === bytes.toString().trimEnd()) continue
        writeFileSync(path, it)
        const outcome = openArchive(folderPlace(root, 'archive'), 'one').then(verifyArchive)
        await expect(outcome, `${name} ${tried}`).rejects.toMatchObject({
          code: expect.stringMatching(/^ARCHIVE_/),
        })
        tried += 1
      }
      writeFileSync(path, bytes)
    }
    expect(tried).toBeGreaterThan(100)
  })

  test('H70 nothing is deleted on the word of a damaged archive', async () => {
    await fill(redis.client)
    const before = await dump(redis.client)
    const archive = await archived()
    const last = join(root, 'one', archive.manifest.parts.at(-1)!.name)
    writeFileSync(last, readFileSync(last).subarray(0, -1))
    const editor = await source.edit!()
    await expect(letGo(archive, editor, { signal })).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
    await editor.close()
    expect(await dump(redis.client)).toEqual(before)
  })

  test('a folder without a manifest is no archive', async () => {
    await expect(openArchive(folderPlace(root, 'archive'), 'none')).rejects.toMatchObject({
      code: 'ARCHIVE_MISSING',
    })
  })
})

test.each([100, 7])('finds the keys that came since, %i keys of the archive at once', async (atOnce) => {
  for (let n = 0; n < 40; n++) await redis.client.set(`user:${n}`, 'x')
  const archive = await archived()
  await redis.client.set('user:late', 'x')
  await redis.client.hset('user:later', 'of', 'another type')
  await redis.client.set('note:1', 'of nobody')
  await redis.client.del('user:3')
  const { router } = await compilePlans(
    'mappings: [{ match: "user:{id}", into: t, fields: { id: $id } }]\ntables: { t: { columns: { id: text }, primary_key: [id] } }\n',
  )
  const came = await newcomers(archive, source, { router, plan: 'p0', signal, atOnce })
  expect(came.samples.map(String).sort()).toEqual(['user:late', 'user:later'])
  expect(came.keys).toBe(2)
})

test('is for its owner only, and a manifest names neither keys nor values', async () => {
  await fill(redis.client)
  await archived()
  for (const name of readdirSync(join(root, 'one')))
    expect(statSync(join(root, 'one', name)).mode & 0o077).toBe(0)
  const manifest = readFileSync(join(root, 'one', 'manifest.json'), 'utf8')
  expect(manifest).not.toMatch(/note|bag|plain/)
  const part = gunzipSync(readFileSync(join(root, 'one', 'part-000001.ndjson.gz'))).toString()
  expect(part).toMatch(/"type":/)
})

const openFor = async (keys: readonly string[]) => {
  const place = folderPlace(root, 'archive')
  const wanted = {
    prefix: Buffer.alloc(0),
    want: (key: Buffer) => (keys.includes(String(key)) ? 'entry' : 'nothing') as 'entry' | 'nothing',
  }
  await writeArchive({ place, folder: 'some', pages: source.scan(wanted), about: ABOUT })
  return openArchive(place, 'some')
}

const entry = (key: string, expiresAt: number | null): Entry => ({
  key: Buffer.from(key),
  type: 'string',
  value: { type: 'string', bytes: Buffer.from(`value of ${key}`) },
  expiresAt,
  offset: 0,
  more: false,
})

async function* pages(entries: readonly Entry[]): AsyncGenerator<Page> {
  for (const it of entries) yield { entries: [it], expired: 0 }
}
