import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PostgresAddress, readAddress } from '../../src/target/address.ts'
import { openTarget } from '../../src/target/connect.ts'
import { openPostgres } from '../../src/target/postgres-target.ts'
import { providerOf } from '../../src/target/provider.ts'
import { startPgBouncer } from '../setup/pgbouncer.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'

/**
 * A border that cannot exist here: a provider's proxy in front of a server that sleeps. It answers so many connections with an error, as
 * Postgres's protocol writes it, and passes on those that follow.
 */
async function startSleeper(
  database: string,
  { naps, error }: { naps: number; error: readonly [code: string, message: string] },
) {
  let left = naps
  const { port, hostname, pathname, username } = new URL(database)
  let asked = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer((client) => {
    client.on('error', () => {})
    if (left > 0) {
      left -= 1
      asked += 1
      if (error[0] === 'ECONNRESET') client.destroy()
      else client.once('data', () => client.end(refusal(...error)))
      return
    }
    sockets.add(client.on('close', () => sockets.delete(client)))
    const upstream = connect({ port: Number(port), host: hostname })
    upstream.on('error', () => client.destroy())
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `postgres://${username}@127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`,
    asked: () => asked,
    /** Everybody is sent away, as by a server that is stopped because nobody asks for it, and so are the next who come. */
    sleep: (naps: number) => {
      left = naps
      for (const it of sockets) it.destroy()
    },
    close: () => server.close(),
  }
}

function refusal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`)
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
}

const STARTING = ['57P03', 'the database system is starting up'] as const
const NEON = ['XX000', "Couldn't connect to compute node"] as const

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())

describe.concurrent('a server that is waking up', () => {
  test.each([
    ['says that it starts', STARTING],
    ['is started by the proxy of Neon', NEON],
  ])('and %s is waited for, and that is said once', async (_, error) => {
    const sleeper = await startSleeper(database.url, { naps: 5, error })
    const said: string[] = []
    const target = await openTarget(sleeper.url, { waiting: (it) => said.push(it) })
    try {
      expect(await target.transaction((tx) => tx.query('SELECT 1 AS it'))).toEqual([{ it: '1' }])
      expect(sleeper.asked()).toBe(5)
      expect(said).toEqual([
        expect.stringMatching(
          /^postgres:\/\/127\.0\.0\.1:\d+\/\w+ is waking up; it is waited for, up to 30 seconds\.$/,
        ),
      ])
    } finally {
      await target.close()
      sleeper.close()
    }
  })

  test.each([
    ['is being stopped', ['57P01', 'terminating connection due to administrator command']],
    ['has no place yet', ['53300', 'sorry, too many clients already']],
    ['hangs up', ['ECONNRESET', '']],
  ] as const)(
    'and %s is asked again for a moment, as any server; one that is known to sleep for as long as it takes',
    async (_, error) => {
      const sleeper = await startSleeper(database.url, { naps: 3, error })
      const target = await openTarget(sleeper.url)
      expect(sleeper.asked()).toBe(3)
      await target.close()
      sleeper.close()

      // As a host of Neon's would be read; its name cannot be had here.
      const deep = await startSleeper(database.url, { naps: 6, error })
      const address = readAddress(deep.url, { root: '/', insecure: false }) as PostgresAddress
      const options = { signal: undefined, connections: 2, patienceMillis: 30_000, patientLater: false }
      const said: string[] = []
      const neon = await openPostgres(
        { ...address, provider: providerOf('ep-a-1.eu.aws.neon.tech', 5432) },
        { ...options, waiting: (it) => said.push(it) },
      )
      expect(deep.asked()).toBe(6)
      expect(said).toEqual([expect.stringMatching(/^Neon \(postgres:.* is waking up/)])
      await neon.close()
      deep.close()
    },
  )

  test.each([
    ['STARTING', STARTING],
    ['NEON', NEON],
  ])('is waited for, too, when it fell asleep between two transactions (%s)', async (_, error) => {
    const sleeper = await startSleeper(database.url, { naps: 0, error })
    const said: string[] = []
    const target = await openTarget(sleeper.url, { patientLater: true, waiting: (it) => said.push(it) })
    const ask = () => target.transaction((tx) => tx.query('SELECT 1 AS it'))
    await ask()
    sleeper.sleep(6)
    expect(await ask()).toEqual([{ it: '1' }])
    expect(sleeper.asked()).toBe(6)
    expect(said).toHaveLength(1)
    await target.close()

    // An application has no time for that: its own limits hold.
    const hasty = await openTarget(sleeper.url)
    sleeper.sleep(1000)
    await expect(hasty.transaction((tx) => tx.query('SELECT 1'))).rejects.toMatchObject({ code: 'STARTING' })
    await hasty.close()
    sleeper.close()
  })

  test('and does not wake is given up after a time, in words', async () => {
    const sleeper = await startSleeper(database.url, { naps: 1000, error: STARTING })
    const said: string[] = []
    await expect(
      openTarget(sleeper.url, { patienceMillis: 500, waiting: (it) => said.push(it) }),
    ).rejects.toMatchObject({
      code: 'STARTING',
      message: expect.stringMatching(/answers nobody yet\. It was asked again and again for 1 second\.$/),
      hint: expect.stringContaining('console'),
    })
    expect(said).toHaveLength(1)
    sleeper.close()
  })

  test('is not waited for when somebody says stop', async () => {
    const sleeper = await startSleeper(database.url, { naps: 1000, error: STARTING })
    const stop = new AbortController()
    const opening = openTarget(sleeper.url, {
      signal: stop.signal,
      waiting: () => stop.abort(new Error('stopped')),
    })
    await expect(opening).rejects.toThrow('stopped')
    sleeper.close()
  })

  test.each([
    ['28P01', 'password authentication failed', 'LOGIN_REFUSED'],
    ['XX000', 'Tenant or user not found', 'SERVER'],
    ['3D000', 'database "x" does not exist', 'DATABASE_MISSING'],
  ])('is something else than one that answers %s %s', async (code, message, told) => {
    const sleeper = await startSleeper(database.url, { naps: 1000, error: [code, message] })
    await expect(openTarget(sleeper.url)).rejects.toMatchObject({ code: told })
    expect(sleeper.asked()).toBe(1)
    sleeper.close()
  })
})

describe('what kind of connection it is', () => {
  test('is told of a server, of a pooler in front of it, and of an embedded one', async () => {
    const pooler = await startPgBouncer(database.url)
    const targets = await Promise.all([database.url, pooler.url, 'pglite:memory'].map((it) => openTarget(it)))
    try {
      expect(targets.map((it) => it.place.title)).toEqual([
        'Postgres, directly',
        'Postgres behind a transaction pooler',
        'embedded Postgres',
      ])
      expect(targets[1]!.place.says).toContain('LISTEN does not reach through')
    } finally {
      for (const target of targets) await target.close()
      await pooler.stop()
    }
  })
})
