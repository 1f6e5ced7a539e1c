import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { SourceError } from '../../src/errors.ts'
import { PART } from '../../src/sources/part.ts'
import { parseRedisAddress } from '../../src/sources/redis/address.ts'
import { LIMITS } from '../../src/sources/redis/connection.ts'
import { ACL_COMMANDS, explain } from '../../src/sources/redis/explain.ts'
import { RedisSource } from '../../src/sources/redis/redis-source.ts'
import { ReplyError } from '../../src/sources/redis/resp.ts'
import { redis } from '../../src/sources/redis.ts'
import type { Entry, Selection, Source } from '../../src/sources/source.ts'
import { freePort } from '../setup/postgres-server.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { describeSource } from './conformance.ts'
import { byKey, entriesOf, hash, list, string } from './entries.ts'
import { writeEntries } from './redis-commands.ts'
import { hasFieldExpiry, isBeforeSeven } from './server-version.ts'

const EVERYTHING: Selection = { prefix: Buffer.alloc(0), want: () => 'entry' }
/** As docs/sources.md has them, for plans with lookups. */
const LOOKUP_COMMANDS = ['+hget', '+hexists', '+zscore', '+sismember']
/** Without what this server has not heard of, as the docs say. */
const KNOWN_COMMANDS = ACL_COMMANDS.split(' ').filter((it) => it !== '+pexpiretime' || !isBeforeSeven())
const SECRET = 'p%s:s/w?o#rd'
const SECRET_ENCODED = encodeURIComponent(SECRET)

let server: FreshRedis
const sources: Source[] = []
beforeAll(async () => {
  server = await freshRedis({ arguments: isBeforeSeven() ? [] : ['--rename-command', 'PEXPIRETIME', ''] })
})
afterAll(() => server.stop())
afterEach(async () => {
  for (const source of sources.splice(0)) await source.close()
})

async function open(address: string, root = '/'): Promise<Source> {
  const source = await redis.open(address, { root, signal: new AbortController().signal })
  sources.push(source)
  return source
}

const as = (user: string, port = server.port) => `redis://${user}:${SECRET_ENCODED}@127.0.0.1:${port}`

async function user(client: FreshRedis['client'], name: string, ...rules: string[]): Promise<void> {
  await client.call('ACL', 'SETUSER', name, 'reset', 'on', `>${SECRET}`, '-@all', ...rules)
}

/** The error, after it was made sure that it holds no secret anywhere. */
async function errorOf(promise: Promise<unknown>): Promise<SourceError> {
  const error = await promise.then(
    () => undefined,
    (it: unknown) => it,
  )
  expect(error).toBeInstanceOf(SourceError)
  const everything = inspect(error, { depth: 20, showHidden: true })
  for (const secret of [SECRET, SECRET_ENCODED, 'secret-value']) expect(everything).not.toContain(secret)
  return error as SourceError
}

// Both ways that an older or a locked-down server needs: PTTL and TIME for expiries, and no INFO.
describeSource({
  name: 'redis before version 7, with a user who may do only what is needed, without INFO',
  adapter: redis,
  reached: { not: 'faults on the way to a Redis are shown with all rights' },
  start: async (entries) => {
    await server.client.flushall()
    await writeEntries(server.client, entries)
    await user(
      server.client,
      'old',
      '~*',
      ...ACL_COMMANDS.replace(' +pexpiretime', '').replace(' +info', '').split(' '),
      ...LOOKUP_COMMANDS,
      ...(hasFieldExpiry() ? ['+hpexpiretime'] : []),
    )
    return { open: (context) => redis.open(as('old'), context), stop: async () => {} }
  },
  skip: [
    {
      test: 'is the same store when it is opened again',
      because: 'nothing says that two connections lead to one server',
    },
  ],
})

describe('a user with few rights', () => {
  let modern: FreshRedis
  beforeAll(async () => {
    modern = await freshRedis()
    await user(modern.client, 'reader', isBeforeSeven() ? '~vibe:*' : '%R~vibe:*', ...KNOWN_COMMANDS)
    await writeEntries(modern.client, [...VIBE, string('private:1', 'secret-value')])
  })
  afterAll(() => modern.stop())

  const VIBE: readonly Entry[] = [
    string('vibe:1', 'x', 2_000_000_000_000),
    hash('vibe:2', ['a', 'b']),
    list(
      'vibe:3',
      Array.from({ length: PART + 1 }, (_, index) => String(index)),
    ),
  ]

  test('reads what it may read', async () => {
    const source = await open(as('reader', modern.port))
    expect(
      byKey(await entriesOf(source.scan({ prefix: Buffer.from('vibe:'), want: () => 'entry' }))),
    ).toEqual(byKey(VIBE))
    expect(await source.count!()).toBe(4)
  })

  test('sees the names of other keys, and that it may not know their types', async () => {
    const source = await open(as('reader', modern.port))
    const want = (key: Buffer) => (key.toString().startsWith('vibe:') ? 'entry' : 'key')
    const found = byKey(await entriesOf(source.scan({ prefix: Buffer.alloc(0), want })))
    expect(found.get('private:1')).toEqual({ type: 'unknown:noperm', value: undefined, expiresAt: null })
    expect(found.size).toBe(4)
  })

  test('is told which keys to allow', async () => {
    const source = await open(as('reader', modern.port))
    const error = await errorOf(entriesOf(source.scan(EVERYTHING)))
    expect(error).toMatchObject({
      code: 'SOURCE_NOPERM',
      message: expect.stringContaining('may not read one of the keys'),
    })
    expect(error.hint).toContain('%R~prefix*')
  })

  test.each(
    ACL_COMMANDS.split(' ')
      .map((it) => it.slice(1))
      // What is asked only of other types or for another Redis, and what there is another way for.
      .filter((it) => !['info', 'pexpiretime', 'pttl', 'time', 'get', 'hgetall'].includes(it))
      .filter((it) => !/^(s|z|x)/.test(it) || it === 'scan' || it === 'select')
      .filter((it) => it !== 'hscan' && it !== 'dbsize'),
  )('that lacks %s is told so', async (command) => {
    await user(modern.client, 'lacking', '~*', ...KNOWN_COMMANDS.filter((it) => it !== `+${command}`), '-get')
    const error = await errorOf(
      open(as('lacking', modern.port)).then(async (source) => {
        await modern.client.hset('vibe:2', 'a', 'b')
        return entriesOf(source.scan({ prefix: Buffer.from('vibe:'), want: () => 'entry' }))
      }),
    )
    expect(error).toMatchObject({
      code: 'SOURCE_NOPERM',
      message: expect.stringContaining(command.toUpperCase()),
    })
    expect(error.hint).toContain(`+${command}`)
  })
})

describe('an address that leads nowhere', () => {
  test('where nobody listens', async () => {
    const port = await freePort()
    const error = await errorOf(open(`redis://u:${SECRET_ENCODED}@127.0.0.1:${port}/3`))
    expect(error).toMatchObject({
      code: 'SOURCE_REFUSED',
      message: `redis://127.0.0.1:${port}/3 refused the connection.`,
    })
  })

  test('where nobody listens at any of the addresses of a name', async () => {
    expect(await errorOf(open(`redis://localhost:${await freePort()}`))).toMatchObject({
      code: 'SOURCE_REFUSED',
    })
  })

  test('that has been given up before it was reached', async () => {
    const stop = new AbortController()
    const opening = redis.open(server.url, { root: '/', signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(opening).rejects.toThrow('enough')
    await expect(redis.open(server.url, { root: '/', signal: stop.signal })).rejects.toThrow('enough')
  })

  test('a node of a cluster is told apart', async () => {
    const node = await freshRedis({ arguments: ['--cluster-enabled', 'yes'] })
    const error = await errorOf(open(node.url))
    await node.stop()
    expect(error).toMatchObject({ code: 'SOURCE_CLUSTER' })
  })

  test('where no such host is', async () => {
    expect(await errorOf(open(`redis://u:${SECRET_ENCODED}@nowhere.invalid`))).toMatchObject({
      code: 'SOURCE_HOST',
    })
  })

  test('where something else than Redis answers', async () => {
    const web = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    web.listen(0, '127.0.0.1')
    await once(web, 'listening')
    const { port } = web.address() as { port: number }
    const error = await errorOf(open(`redis://127.0.0.1:${port}`))
    expect(['SOURCE_PROTOCOL', 'SOURCE_LOST']).toContain(error.code)
    web.close()
  })

  test.each([
    ['redis://', 'no host'],
    ['redis://host/abc', 'database number'],
    ['redis://host/1/2', 'database number'],
    ['redis://host?db=3', 'after the host'],
    ['redis://host?x=3', 'only option'],
    ['redis://host:99999', 'not a URL'],
    [`redis://user:${SECRET}@host`, 'cannot be read'],
  ])('%s is explained, not repeated', async (address, why) => {
    const error = await errorOf(open(address))
    expect(error).toMatchObject({ code: 'SOURCE_ADDRESS', message: expect.stringContaining(why) })
  })

  test('with a database number that is too high', async () => {
    expect(await errorOf(open(`${server.url}/99`))).toMatchObject({ code: 'SOURCE_DATABASE' })
  })
})

describe('credentials', () => {
  let locked: FreshRedis
  beforeAll(async () => {
    locked = await freshRedis()
    await locked.client.config('SET', 'requirepass', SECRET)
    await locked.client.call('AUTH', SECRET)
    await locked.client.set('k', 'v')
  })
  afterAll(() => locked.stop())

  test('are taken from the address, percent-encoded', async () => {
    const source = await open(`redis://:${SECRET_ENCODED}@127.0.0.1:${locked.port}`)
    expect([...byKey(await entriesOf(source.scan(EVERYTHING))).keys()]).toEqual(['k'])
    expect(source.label).toBe(`redis://127.0.0.1:${locked.port}/0`)
    expect(inspect(source, { depth: 20, showHidden: true })).not.toContain(SECRET)
  })

  test('that are missing or wrong are told apart', async () => {
    const missing = await errorOf(open(locked.url))
    expect(missing).toMatchObject({
      code: 'SOURCE_AUTH',
      message: expect.stringContaining('the address has none'),
    })
    for (const address of [
      `redis://:wrong@127.0.0.1:${locked.port}`,
      `redis://nobody:${SECRET_ENCODED}@127.0.0.1:${locked.port}`,
    ]) {
      const wrong = await errorOf(open(address))
      expect(wrong).toMatchObject({
        code: 'SOURCE_AUTH',
        message: expect.stringContaining('refused the user name or password'),
      })
    }
  })
})

test.each([
  ['LOADING Redis is loading the dataset in memory', 'SOURCE_LOADING'],
  ['BUSY Redis is busy running a script.', 'SOURCE_BUSY'],
  ["READONLY You can't write against a read only replica.", 'SOURCE_READONLY'],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'SOURCE_OOM'],
  ['MASTERDOWN Link with MASTER is down', 'SOURCE_STALE'],
  ['MOVED 8579 10.0.0.7:6379', 'SOURCE_CLUSTER'],
  ["CROSSSLOT Keys in request don't hash to the same slot", 'SOURCE_CLUSTER'],
  ['ERR max number of clients reached', 'SOURCE_BUSY'],
  ["ERR unknown command 'MGET', with args beginning with: 'secret-value'", 'SOURCE_COMMAND'],
  ['ERR something about secret-value', 'SOURCE_REPLY'],
  ['DENIED Redis is running in protected mode', 'SOURCE_AUTH'],
])('"%s" becomes %s', async (line, code) => {
  const error = await errorOf(Promise.reject(explain('redis://host:6379/0', new ReplyError(line))))
  expect(error.code).toBe(code)
  expect(error.message).toContain('redis://host:6379/0')
})

test('a server that is still loading is waited for', async () => {
  // What Redis answers while it loads, then an empty database.
  let asked = 0
  const loading = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      if (bytes.includes('SELECT')) socket.write('+OK\r\n$14\r\nrun_id:abc123\n\r\n')
      else
        socket.write(
          asked++ < 3 ? '-LOADING Redis is loading the dataset in memory\r\n' : '*2\r\n$1\r\n0\r\n*0\r\n',
        )
    })
  })
  loading.listen(0, '127.0.0.1')
  await once(loading, 'listening')
  const { port } = loading.address() as { port: number }
  const { signal } = new AbortController()
  const source = await RedisSource.open(
    parseRedisAddress(`redis://127.0.0.1:${port}`, '/'),
    { signal },
    { ...LIMITS, longestWaitMillis: 1 },
  )
  expect(await entriesOf(source.scan(EVERYTHING))).toEqual([])
  expect(asked).toBe(4)
  await source.close()
  loading.close()
})

describe('TLS', () => {
  const folder = join(import.meta.dirname, 'tls')
  let plain: FreshRedis
  let secure: TlsServer
  let port: number
  // In front of a Redis, for not every redis-server was built with TLS.
  beforeAll(async () => {
    plain = await freshRedis()
    await plain.client.set('k', 'v')
    const files = {
      cert: readFileSync(join(folder, 'certificate.pem')),
      key: readFileSync(join(folder, 'key.pem')),
    }
    secure = createTlsServer(files, (socket) => {
      const upstream = connect(plain.port, '127.0.0.1')
      pipeline(socket, upstream, socket, () => {})
    })
    secure.on('tlsClientError', () => {})
    secure.listen(0)
    await once(secure, 'listening')
    port = (secure.address() as { port: number }).port
  })
  afterAll(async () => {
    secure.close()
    await plain.stop()
  })

  test('is used with rediss, and the certificate verified against ?ca=', async () => {
    const source = await open(`rediss://localhost:${port}?ca=./certificate.pem`, folder)
    expect([...byKey(await entriesOf(source.scan(EVERYTHING))).keys()]).toEqual(['k'])
    expect(source.label).toBe(`rediss://localhost:${port}/0`)
  })

  test('refuses a certificate that nobody vouches for, whatever the environment says', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    const error = await errorOf(open(`rediss://localhost:${port}`))
    vi.unstubAllEnvs()
    expect(error).toMatchObject({ code: 'SOURCE_TLS', message: expect.stringContaining('cannot be trusted') })
  })

  test('refuses a certificate for another host', async () => {
    const error = await errorOf(open(`rediss://127.0.0.1:${port}?ca=certificate.pem`, folder))
    expect(error).toMatchObject({ code: 'SOURCE_TLS', message: expect.stringContaining('cannot be trusted') })
  })

  test('that only one side speaks ends in an error that mentions TLS', async () => {
    const limits = { ...LIMITS, connectMillis: 200, silenceMillis: 200 }
    const { signal } = new AbortController()
    for (const address of [`rediss://localhost:${plain.port}`, `redis://localhost:${port}`]) {
      const error = await errorOf(RedisSource.open(parseRedisAddress(address, '/'), { signal }, limits))
      expect(['SOURCE_TIMEOUT', 'SOURCE_TLS', 'SOURCE_PROTOCOL', 'SOURCE_LOST']).toContain(error.code)
    }
  })

  test('names a file of certificates that is not there', async () => {
    const error = await errorOf(open(`rediss://localhost:${port}?ca=nowhere.pem`, folder))
    expect(error).toMatchObject({ code: 'SOURCE_TLS', message: expect.stringContaining('nowhere.pem') })
  })
})
