import { describe, expect, test } from 'vitest'
import { readAddress } from '../../src/target/address.ts'

const read = (address: string, insecure = false) => readAddress(address, { root: '/project', insecure })

describe('an address of a server', () => {
  test.each([
    ['postgres://ann:s3cret@db.example.com/app', 'postgres://db.example.com:5432/app'],
    ['postgresql://ann:s3cret@10.0.0.7:6543/app?sslmode=disable', 'postgres://10.0.0.7:6543/app'],
    ['postgres://ann:p%40ss%2Fs3cret@[::1]:5433/app', 'postgres://[::1]:5433/app'],
    ['postgres:///app?host=/var/run/postgresql&password=s3cret', 'postgres:///var/run/postgresql:5432/app'],
  ])('%s is shown as %s', (address, label) => {
    const place = read(address)
    expect(place.label).toBe(label)
    expect(
      JSON.stringify(place).replace(JSON.stringify((place as { config?: unknown }).config), ''),
    ).not.toContain('s3cret')
  })

  test('keeps a password with every kind of character', () => {
    expect(read('postgres://ann:a%40b%23c%2F%25%3A%20%C3%A9@localhost/app')).toMatchObject({
      config: { user: 'ann', password: 'a@b#c/%: é', host: 'localhost', port: 5432, database: 'app' },
    })
  })

  test('passes on nothing that a pooler refuses unless it is asked for', () => {
    const place = read('postgres://ann@localhost/app?statement_timeout=5&connection_limit=1&pgbouncer=true')
    expect(place).toMatchObject({ pooler: true })
    expect(Object.keys((place as { config: object }).config).sort()).toEqual([
      'application_name',
      'database',
      'host',
      'port',
      'ssl',
      'user',
    ])
  })

  test.each([
    ['postgres://u@ep-cool-1-pooler.eu-central-1.aws.neon.tech/db', true],
    ['postgres://u@ep-cool-1.eu-central-1.aws.neon.tech/db', false],
    ['postgres://u@aws-0-eu.pooler.supabase.com:6543/postgres', true],
  ])('%s looks like a pooler: %s', (address, pooler) => {
    expect(read(address)).toMatchObject({ pooler })
  })
})

describe('without sslmode', () => {
  test.each(['localhost', '127.0.0.1', '[::1]'])('%s gets clear text, silently', (host) => {
    expect(read(`postgres://u@${host}/db`)).toMatchObject({ config: { ssl: false }, warnings: [] })
  })
  test.each([
    '10.1.2.3',
    '192.168.0.1',
    '172.20.0.2',
    '100.100.1.1',
    '[fd00::1]',
    'db',
    'pg.railway.internal',
  ])('%s gets clear text with a warning', (host) => {
    expect(read(`postgres://u@${host}/db`)).toMatchObject({
      config: { ssl: false },
      warnings: [expect.stringContaining('clear text')],
    })
  })
  test.each(['db.example.com', '8.8.8.8', '172.32.0.1', '100.128.0.1', '[2001:db8::1]'])(
    '%s gets TLS with everything verified',
    (host) => {
      expect(read(`postgres://u@${host}/db`)).toMatchObject({ config: { ssl: { rejectUnauthorized: true } } })
    },
  )
})

describe('with sslmode', () => {
  test('disable, a public host is refused', () => {
    expect(() => read('postgres://u:s3cret@db.example.com/db?sslmode=disable')).toThrow(
      expect.objectContaining({ code: 'CLEAR_TEXT', message: expect.not.stringContaining('s3cret') }),
    )
    expect(read('postgres://u@db.example.com/db?sslmode=disable', true)).toMatchObject({
      config: { ssl: false },
      warnings: [expect.stringContaining('public network')],
    })
  })
  test.each([
    ['require', { rejectUnauthorized: false }, true],
    ['prefer', { rejectUnauthorized: false }, true],
    ['no-verify', { rejectUnauthorized: false }, true],
    ['verify-ca', { rejectUnauthorized: true }, false],
    ['verify-full', { rejectUnauthorized: true }, false],
  ])('%s, it is %o', (mode, ssl, unverified) => {
    expect(read(`postgres://u@db.example.com/db?sslmode=${mode}`)).toMatchObject({
      config: { ssl },
      unverified,
    })
  })
  test('nobody knows, it says which there are', () => {
    expect(() => read('postgres://u@db.example.com/db?sslmode=verify')).toThrow(
      'The sslmode in the address is none that there is',
    )
  })
  test('and verification switched off for the whole process, it refuses', () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    try {
      expect(() => read('postgres://u@db.example.com/db?sslmode=verify-full')).toThrow(
        'NODE_TLS_REJECT_UNAUTHORIZED',
      )
      expect(read('postgres://u@localhost/db')).toMatchObject({ config: { ssl: false } })
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    }
  })
  test('and a certificate that is not there, it names the file', () => {
    expect(() => read('postgres://u@db.example.com/db?sslmode=verify-full&sslrootcert=certs/ca.pem')).toThrow(
      'cannot be read: /project/certs/ca.pem',
    )
  })
})

describe('an embedded address', () => {
  test.each([
    ['pglite:./data/pg', '/project/data/pg'],
    ['pglite:data', '/project/data'],
    ['pglite:/var/pg', '/var/pg'],
    ['pglite:memory', undefined],
  ])('%s lies in %s', (address, folder) => {
    expect(read(address)).toEqual({ kind: 'pglite', label: address, folder })
  })
})

test.each([
  'mysql://u:s3cret@h/db',
  's3cret',
  'postgres://u:s3cret@h:port/db',
  'postgres://u:%s3cret@h/db',
  'pglite:',
  '',
])('what is no address is refused without repeating it: %s', (address) => {
  expect(() => read(address)).toThrow(
    expect.objectContaining({ code: 'ADDRESS', message: expect.not.stringContaining('s3cret') }),
  )
})
