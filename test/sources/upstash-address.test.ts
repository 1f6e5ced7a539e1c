import { describe, expect, test } from 'vitest'
import { parseUpstashAddress } from '../../src/sources/upstash/address.ts'

const UPSTASH = {
  UPSTASH_REDIS_REST_URL: 'https://calm-cat-1.upstash.io',
  UPSTASH_REDIS_REST_TOKEN: 'upstash-token',
}
const VERCEL = { KV_REST_API_URL: 'https://bold-dog-2.upstash.io/', KV_REST_API_TOKEN: 'vercel-token' }

describe('finds address and token', () => {
  test.each([
    ['upstash:', UPSTASH, 'https://calm-cat-1.upstash.io', 'upstash-token'],
    ['upstash:', VERCEL, 'https://bold-dog-2.upstash.io', 'vercel-token'],
    ['upstash:', { ...VERCEL, ...UPSTASH }, 'https://calm-cat-1.upstash.io', 'upstash-token'],
    [
      'upstash://bold-dog-2.upstash.io',
      { ...VERCEL, ...UPSTASH },
      'https://bold-dog-2.upstash.io',
      'vercel-token',
    ],
    [
      'https://bold-dog-2.upstash.io',
      { ...VERCEL, ...UPSTASH },
      'https://bold-dog-2.upstash.io',
      'vercel-token',
    ],
    [
      'https://other.upstash.io',
      { KV_REST_API_TOKEN: 'its own'.replace(' ', '-') },
      'https://other.upstash.io',
      'its-own',
    ],
    ['https://:in%2Bside@other.upstash.io', UPSTASH, 'https://other.upstash.io', 'in+side'],
    ['http://127.0.0.1:8080/redis/', { UPSTASH_REDIS_REST_TOKEN: 't' }, 'http://127.0.0.1:8080/redis', 't'],
  ])('%s', (address, variables, url, token) => {
    expect(parseUpstashAddress(address, variables)).toMatchObject({ url, token })
  })

  test('of the option, before all others', () => {
    expect(parseUpstashAddress('upstash:', UPSTASH, { token: 'mine' }).token).toBe('mine')
  })
})

describe('refuses', () => {
  test.each([
    ['no address in the environment', 'upstash:', {}, 'SOURCE_ADDRESS', 'UPSTASH_REDIS_REST_URL'],
    ['a token of another host', 'https://other.upstash.io', UPSTASH, 'SOURCE_AUTH', 'KV_REST_API_TOKEN'],
    [
      'a token with a line end',
      'https://a.upstash.io',
      { KV_REST_API_TOKEN: 'secret\n' },
      'SOURCE_AUTH',
      'console',
    ],
    ['a user name', 'https://user:secret@a.upstash.io', {}, 'SOURCE_ADDRESS', 'UPSTASH_REDIS_REST_URL'],
    ['a query', 'https://a.upstash.io?_token=secret', {}, 'SOURCE_ADDRESS', 'UPSTASH_REDIS_REST_URL'],
    ['no URL', 'https://', {}, 'SOURCE_ADDRESS', 'UPSTASH_REDIS_REST_URL'],
    [
      'the other protocol',
      'upstash:',
      { KV_REST_API_URL: 'rediss://secret@a.upstash.io' },
      'SOURCE_ADDRESS',
      'https:',
    ],
  ])('%s', (_, address, variables, code, hint) => {
    const refused = (() => {
      try {
        return parseUpstashAddress(address, variables)
      } catch (error) {
        return error
      }
    })()
    expect(refused).toMatchObject({ code, hint: expect.stringContaining(hint) })
    expect(String(refused)).not.toContain('secret')
  })
})
