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
