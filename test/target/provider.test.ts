import { describe, expect, test } from 'vitest'
import { readAddress } from '../../src/target/address.ts'
import { providerOf } from '../../src/target/provider.ts'

describe('a host tells who runs the server, and by which door one comes in', () => {
  test.each([
    ['ep-cool-rain-123.eu-central-1.aws.neon.tech', 5432, 'neon', 'direct'],
    ['EP-COOL-RAIN-123-POOLER.eu-central-1.aws.neon.tech', 5432, 'neon', 'transaction'],
    ['ep-cool-rain-123-pooler.c-2.us-east-1.aws.neon.tech', 5432, 'neon', 'transaction'],
    ['db.abcdefgh.supabase.co', 5432, 'supabase', 'direct'],
    ['db.abcdefgh.supabase.co', 6543, 'supabase', 'transaction'],
    ['aws-0-eu-central-1.pooler.supabase.com', 5432, 'supabase', 'session'],
    ['aws-0-eu-central-1.pooler.supabase.com', 6543, 'supabase', 'transaction'],
    ['viaduct.proxy.rlwy.net', 23456, 'railway', 'direct'],
    ['postgres.railway.internal', 5432, 'railway', 'direct'],
  ] as const)('%s:%i is %s, %s', (host, port, name, door) => {
    expect(providerOf(host, port)).toMatchObject({ name, door })
  })

  test.each([
    'localhost',
    'db',
    '10.0.0.5',
    'neon.tech.example.com',
    'notneon.tech',
    'supabase.co',
    'rlwy.net',
  ])('%s is nobody in particular', (host) => {
    expect(providerOf(host, 5432)).toBeUndefined()
  })

  test('the pooled host of Neon names the direct one', () => {
    expect(providerOf('ep-cool-rain-123-pooler.eu-central-1.aws.neon.tech', 5432)?.says).toContain(
      ' ep-cool-rain-123.eu-central-1.aws.neon.tech:',
    )
  })

  test.each([
    ['postgres://u@ep-a-1-pooler.eu.aws.neon.tech/db', true],
    ['postgres://u@ep-a-1.eu.aws.neon.tech/db', false],
    ['postgres://u@db.abc.supabase.co:6543/postgres', true],
    ['postgres://u@aws-0-eu.pooler.supabase.com:5432/postgres', false],
    ['postgres://u@viaduct.proxy.rlwy.net:41234/railway', false],
  ])('%s counts as a transaction pooler: %s', (address, pooler) => {
    expect(readAddress(address, { root: '/', insecure: false })).toMatchObject({ pooler })
  })
})
