import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { letGo } from '../../src/archive/let-go.ts'
import { openPlace } from '../../src/archive/open-place.ts'
import { openArchive, verifyArchive } from '../../src/archive/read-archive.ts'
import { writeArchive } from '../../src/archive/write-archive.ts'
import { redis as adapter } from '../../src/sources/redis.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { ACCESS, startS3 } from './s3-server.ts'
import { fill } from './world.ts'

const signal = new AbortController().signal
const ABOUT = { kvmig: 'test', plan: 'things', source: 'kv', archivedAt: '', keepUntil: '' }
const ALL = { prefix: Buffer.alloc(0), want: () => 'entry' as const }

let redis: FreshRedis
let s3: Awaited<ReturnType<typeof startS3>>
let variables: Record<string, string>

beforeAll(async () => {
  redis = await freshRedis()
  s3 = await startS3()
  variables = {
    AWS_ENDPOINT_URL: s3.url,
    AWS_ACCESS_KEY_ID: ACCESS.id,
    AWS_SECRET_ACCESS_KEY: ACCESS.secret,
    AWS_REGION: 'eu-west-1',
  }
})
afterAll(async () => {
  await redis?.stop()
  await s3?.close()
})
beforeEach(() => s3.objects.clear())

const place = (address = 's3://bucket/some prefix', more: Record<string, string> = {}) =>
  openPlace(address, '.', { ...variables, ...more })

test('archives into a bucket, reads back, and lets go', async () => {
  await fill(redis.client)
  const source = await adapter.open(redis.url, { root: '.', signal })
  s3.busy(1)
  await writeArchive({ place: place(), folder: 'one', pages: source.scan(ALL), about: ABOUT, partBytes: 200 })
  expect([...s3.objects.keys()]).toContain('/bucket/some%20prefix/one/manifest.json')
  const archive = await openArchive(place(), 'one')
  expect(await verifyArchive(archive)).toBe(11)
  const editor = await source.edit!()
  expect(await letGo(archive, editor, { signal })).toMatchObject({ removed: 11 })
  await editor.close()
  await source.close()
})

test('finds damage in a bucket', async () => {
  await fill(redis.client)
  const source = await adapter.open(redis.url, { root: '.', signal })
  await writeArchive({ place: place(), folder: 'one', pages: source.scan(ALL), about: ABOUT })
  await source.close()
  const [name, bytes] = [...s3.objects].find(([it]) => it.endsWith('.gz'))!
  s3.objects.set(name, bytes.subarray(0, -1))
  await expect(openArchive(place(), 'one').then(verifyArchive)).rejects.toMatchObject({
    code: 'ARCHIVE_CORRUPT',
  })
})

const PART = 8 << 20
async function* chunked(bytes: Buffer, size = 300_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
async function readAll(name: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const it of place().read(name)) chunks.push(it)
  return Buffer.concat(chunks)
}
const noise = (bytes: number): Buffer =>
  Buffer.alloc(bytes, createHash('sha512').update(String(bytes)).digest())

test.each([
  ['nothing', 0, 0],
  ['a byte less than a part', PART - 1, 0],
  ['just a part', PART, 1],
  ['a byte more', PART + 1, 2],
  ['several parts', 2 * PART + 12_345, 3],
])('a file of %s arrives as it is, in as few parts as can be', async (_, size, parts) => {
  const bytes = noise(size)
  const before = s3.parts
  await place().write('file', chunked(bytes))
  expect(s3.parts - before).toBe(parts)
  expect((await readAll('file')).equals(bytes)).toBe(true)
  expect(s3.unfinished).toBe(0)
})

test('what is busy or lost on the way is sent and asked for again, as often as it takes', async () => {
  const bytes = noise(PART + 70_000)
  s3.busy(2)
  s3.cut(2)
  await place().write('file', chunked(bytes))
  s3.cut(2)
  s3.busy(1)
  expect((await readAll('file')).equals(bytes)).toBe(true)
  s3.cut(100)
  await expect(readAll('file')).rejects.toMatchObject({
    code: 'ARCHIVE_PLACE',
    message: expect.stringContaining('cannot be reached'),
  })
  s3.cut(0)
})

test('the rest of another file is not taken for the rest of this one', async () => {
  await place().write('file', chunked(noise(100_000)))
  const reading = place().read('file')[Symbol.asyncIterator]()
  s3.cut(1)
  await reading.next()
  await place().write('file', chunked(noise(100_001)))
  const rest = async (): Promise<void> => {
    while (!(await reading.next()).done);
  }
  await expect(rest()).rejects.toMatchObject({
    code: 'ARCHIVE_PLACE',
    message: expect.stringContaining('412'),
  })
})

test('an upload that fails is taken back, and nothing is there', async () => {
  s3.failPart(2)
  await expect(place().write('file', chunked(noise(2 * PART + 1)))).rejects.toMatchObject({
    code: 'ARCHIVE_PLACE',
  })
  s3.failPart(undefined)
  expect([s3.objects.size, s3.unfinished]).toEqual([0, 0])
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield noise(PART)
    throw new Error('the source is gone')
  }
  await expect(place().write('file', broken())).rejects.toThrow('the source is gone')
  expect([s3.objects.size, s3.unfinished]).toEqual([0, 0])
})

test.each([
  ['a whole file', 1000],
  ['a part', PART + 1000],
])('%s that is damaged on the way is refused by its checksum', async (_, size) => {
  s3.damage()
  await expect(place().write('file', chunked(noise(size)))).rejects.toMatchObject({
    code: 'ARCHIVE_PLACE',
    message: expect.stringContaining('400'),
  })
  expect([s3.objects.size, s3.unfinished]).toEqual([0, 0])
})

test.each([
  ['encryption=AES256', 'AES256'],
  ['encryption=aws:kms', 'aws:kms'],
  ['encryption=aws:kms&key=arn:aws:kms:eu-west-1:1:key/2', 'aws:kms arn:aws:kms:eu-west-1:1:key/2'],
  ['encryption=aws:kms:dsse&key=k', 'aws:kms:dsse k'],
])('%s is how the store keeps it, whole or in parts', async (option, kept) => {
  const there = place(`s3://bucket/safe?${option}`)
  expect(there.label).toBe('s3://bucket/safe')
  await there.write('small', chunked(noise(10)))
  await there.write('large', chunked(noise(PART + 1)))
  expect([...s3.encrypted].filter(([path]) => path.startsWith('/bucket/safe/'))).toEqual([
    ['/bucket/safe/small', kept],
    ['/bucket/safe/large', kept],
  ])
  s3.encrypted.clear()
})

test('a store that does not encrypt what it was asked to is not taken for a safe place', async () => {
  s3.ignoreEncryption(true)
  const there = place('s3://bucket/safe?encryption=AES256')
  for (const size of [10, PART + 1])
    await expect(there.write('file', chunked(noise(size)))).rejects.toMatchObject({
      message: expect.stringContaining('did not encrypt it with AES256'),
    })
  expect(s3.unfinished).toBe(0)
  s3.ignoreEncryption(false)
})

const KEY = createHash('sha256').update('a key of ours').digest('base64')

test('a key of the customer goes with every request, and opens what it closed', async () => {
  const address = 's3://bucket/own?encryption=customer'
  const own = place(address, { AWS_SSE_CUSTOMER_KEY: KEY })
  const bytes = noise(PART + 1)
  await own.write('small', chunked(noise(10)))
  await own.write('large', chunked(bytes))
  const md5 = createHash('md5').update(Buffer.from(KEY, 'base64')).digest('base64')
  for (const name of ['small', 'large'])
    expect(s3.encrypted.get(`/bucket/own/${name}`)).toBe(`customer ${md5}`)
  const chunks: Buffer[] = []
  s3.cut(1)
  for await (const it of own.read('large')) chunks.push(it)
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
  const other = place(address, { AWS_SSE_CUSTOMER_KEY: Buffer.alloc(32).toString('base64') })
  for (const it of [other, place('s3://bucket/own')])
    await expect(it.read('large')[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      message: expect.stringContaining('answered 400'),
    })
  s3.encrypted.clear()
})

test.each([undefined, '', 'dG9vIHNob3J0'])('%s is no key of the customer', (key) => {
  expect(() =>
    place('s3://bucket/own?encryption=customer', key === undefined ? {} : { AWS_SSE_CUSTOMER_KEY: key }),
  ).toThrow('encryption=customer wants a key')
})

test.each([
  ['GOVERNANCE', 30],
  ['COMPLIANCE', 1],
])('a lock of mode %s holds for %i days, whole or in parts', async (mode, days) => {
  const there = place(`s3://bucket/locked?lock=${mode}&days=${days}`)
  const before = Date.now()
  await there.write('small', chunked(noise(10)))
  await there.write('large', chunked(noise(PART + 1)))
  for (const name of ['small', 'large']) {
    const lock = s3.locked.get(`/bucket/locked/${name}`)!
    expect(lock.mode).toBe(mode)
    const held = Date.parse(lock.until) - days * 86_400_000
    expect(held >= before && held <= Date.now()).toBe(true)
  }
})

test('a store that does not lock what it was asked to is not taken for a safe place', async () => {
  s3.locked.clear()
  s3.ignoreLocks(true)
  await expect(
    place('s3://bucket/locked?lock=GOVERNANCE&days=3').write('open', chunked(noise(10))),
  ).rejects.toMatchObject({
    code: 'ARCHIVE_PLACE',
    message: expect.stringContaining('does not say that it is locked (GOVERNANCE, 3 days)'),
  })
  s3.ignoreLocks(false)
})

test.each([
  's3://bucket?lock=GOVERNANCE',
  's3://bucket?days=3',
  's3://bucket?lock=FOREVER&days=3',
  's3://bucket?lock=COMPLIANCE&days=0',
  's3://bucket?encryption=customer&key=k',
  's3://bucket?encryption=rot13',
  's3://bucket?key=k',
  's3://bucket/x?encryption=AES256&key=k',
  's3://bucket?region=x',
  's3:///prefix',
])('%s is no place', (address) => {
  expect(() => place(address)).toThrow('The archive has no place')
})

test.each([
  ['no credentials', 's3://bucket', { AWS_SECRET_ACCESS_KEY: '' }, 'ARCHIVE_PLACE', /no credentials/],
  [
    'wrong credentials',
    's3://bucket',
    { AWS_SECRET_ACCESS_KEY: 'wrong-secret' },
    'ARCHIVE_PLACE',
    /answered 403/,
  ],
  ['no archive', 's3://bucket/nothing', {}, 'ARCHIVE_MISSING', /has no file manifest.json/],
] as const)('%s: says so, without a secret', async (_, address, more, code, message) => {
  const failed = await openArchive(place(address, more), '.').catch((error: unknown) => error)
  expect(failed).toMatchObject({ code, message: expect.stringMatching(message) })
  expect(JSON.stringify(failed) + String(failed)).not.toMatch(/wrong-secret|wJalr/)
})
