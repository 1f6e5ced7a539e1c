import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { SOURCES } from '../../src/sources/index.ts'
import { memory } from '../../src/sources/memory.ts'
import { openSource } from '../../src/sources/open.ts'
import { byKey, entriesOf, string } from './entries.ts'

const context = { root: '/nowhere', signal: new AbortController().signal }

test.each([
  ['replit:', 'SOURCE_LATER', /not in this build yet/],
  ['sqlite:./app.db', 'SOURCE_LATER', /not in this build yet/],
  ['chroma+http://127.0.0.1:8000', 'SOURCE_LATER', /not in this build yet/],
  ['redis+cluster://a,b', 'SOURCE_LATER', /not in this build yet/],
  ['redi://host', 'SOURCE_UNKNOWN', /Did you mean redis:\?/],
  ['ndjsn:./x', 'SOURCE_UNKNOWN', /Did you mean ndjson:\?/],
  ['memcached://host', 'SOURCE_UNKNOWN', /It may be redis:, rediss:, upstash:, https:, http:, rdb:, ndjson:/],
  ['./dump.rdb', 'SOURCE_UNKNOWN', /begins with no scheme/],
  ['', 'SOURCE_UNKNOWN', /begins with no scheme/],
])('%j cannot be opened, and the error says what can', async (address, code, sentence) => {
  const error = await openSource(address, context).catch((it: unknown) => it)
  expect(error).toMatchObject({ code })
  const { message, hint } = error as { message: string; hint: string }
  expect(`${message} ${hint}`).toMatch(sentence)
})

test('an address with a password is never repeated', async () => {
  for (const address of [
    'postgres://user:hunter2@host/db',
    'redis://user:hunter2@',
    'user:hunter2@host',
    'rediss://user:hunter2@127.0.0.1:1',
  ]) {
    const error = await openSource(address, context).catch((it: unknown) => it)
    expect(error).toMatchObject({ code: expect.stringMatching(/^SOURCE_/) })
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('hunter2')
  }
})

test('the scheme picks the driver, in capitals too, among the adapters that are given', async () => {
  const entries = [string('a', '1')]
  const source = await openSource('MEMORY:', context, [...SOURCES, memory(entries)])
  expect(byKey(await entriesOf(source.scan({ prefix: Buffer.alloc(0), want: () => 'entry' })))).toEqual(
    byKey(entries),
  )
})

test('no scheme belongs to two drivers, and every driver has one word for a name', () => {
  const schemes = SOURCES.flatMap((it) => it.schemes)
  expect(new Set(schemes).size).toBe(schemes.length)
  for (const { name, summary } of SOURCES) {
    expect(name).toMatch(/^[a-z]+$/)
    expect(summary).toMatch(/^[A-Z].*\.$/)
  }
})
