import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startingWith } from '../../src/sources/redis/glob.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'

let server: FreshRedis
beforeAll(async () => {
  server = await freshRedis()
})
afterAll(() => server.stop())

test('the pattern of a prefix matches exactly the keys that begin with it, as Redis understands patterns', async () => {
  const letter = fc.constantFrom(...'*?[]\\^-!ab'.split(''), '\n', '\xff', '\0')
  const texts = fc.array(letter, { maxLength: 6 }).map((letters) => Buffer.from(letters.join(''), 'latin1'))
  const keys = [
    ...new Map(
      fc.sample(texts, { numRuns: 600, seed: 7 }).map((key) => [key.toString('latin1'), key]),
    ).values(),
  ]
  await server.client.mset(keys.flatMap((key) => [key, 'x']))
  const prefixes = fc.sample(texts, { numRuns: 3000, seed: 8 })
  const pipeline = server.client.pipeline()
  for (const prefix of prefixes)
    pipeline.callBuffer('SCAN', '0', 'MATCH', startingWith(prefix), 'COUNT', '10000')
  const answers = (await pipeline.exec()) ?? []
  for (const [index, prefix] of prefixes.entries()) {
    const [cursor, found] = answers[index]![1] as [Buffer, Buffer[]]
    expect(cursor.toString()).toBe('0')
    const expected = keys.filter((key) => key.subarray(0, prefix.length).equals(prefix))
    expect(found.map((key) => key.toString('latin1')).sort()).toEqual(
      expected.map((key) => key.toString('latin1')).sort(),
    )
  }
})
