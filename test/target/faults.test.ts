import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTarget } from '../../src/target/connect.ts'
import { beginWithSettings } from '../../src/target/settings.ts'
import type { Target } from '../../src/target/target.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { freePort } from '../setup/postgres-server.ts'
import { startProxy } from '../setup/proxy.ts'
import { startCuttingProxy } from './cutting-proxy.ts'
import { freshAddress } from './targets.ts'

let database: FreshDatabase
let target: Target
beforeAll(async () => {
  database = await freshDatabase()
  target = await openTarget(database.url)
  await target.transaction((tx) => tx.query('CREATE TABLE public.t (id int PRIMARY KEY)'))
})
afterAll(async () => {
  await target.close()
  await database.drop()
})

const terminateOthers = () =>
  database.query(
    `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  )

const ids = async () => (await database.query('SELECT id FROM t ORDER BY id')).rows.map((it) => Number(it.id))

describe('a connection that goes', () => {
  test('while nobody uses it is replaced without a word', async () => {
    for (let round = 0; round < 5; round++) {
      await target.transaction((tx) => tx.query('SELECT 1'))
      await terminateOthers()
    }
    expect(await target.transaction((tx) => tx.query('SELECT 1 AS it'))).toEqual([{ it: '1' }])
  })

  test('in the middle of a transaction has it run again, once and for all', async () => {
    await database.query('TRUNCATE t')
    let runs = 0
    await target.transaction(async (tx) => {
      runs++
      await tx.query('INSERT INTO public.t VALUES (1)')
      if (runs === 1) await terminateOthers()
      await tx.query('INSERT INTO public.t VALUES (2)')
    })
    expect(runs).toBe(2)
    expect(await ids()).toEqual([1, 2])
  })

  test('for good, after a few tries, is an error without secrets', async () => {
    let runs = 0
    const work = target.transaction(async (tx) => {
      runs++
      await terminateOthers()
      await tx.query('SELECT 1')
    })
    await expect(work).rejects.toMatchObject({ code: expect.stringMatching(/CONNECTION_LOST|NOT_SENT/) })
    expect(runs).toBeGreaterThan(2)
  })

  test.each([
    ['before the server', []],
    ['before the client', [7]],
  ] as const)(
    'during COMMIT, %s has seen it, is said to be unknown, and nothing is done twice',
    async (when, there) => {
      await database.query('TRUNCATE t')
      const proxy = await startCuttingProxy(database.url)
      const cut = await openTarget(proxy.url)
      let runs = 0
      proxy.cutAtCommit(when)
      const work = cut.transaction(async (tx) => {
        runs++
        await tx.query('INSERT INTO public.t VALUES (7)')
      })
      await expect(work).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' })
      expect(runs).toBe(1)
      expect(await ids()).toEqual(there)
      expect(await cut.transaction((tx) => tx.query('SELECT 1 AS it'))).toEqual([{ it: '1' }])
      await cut.close()
      await proxy.stop()
    },
  )

  test('during COMMIT of a transaction that only reads has it run again', async () => {
    const proxy = await startCuttingProxy(database.url)
    const cut = await openTarget(proxy.url)
    proxy.cutAtCommit('before the client')
    expect(await cut.transaction((tx) => tx.query('SELECT 1 AS it'), { readOnly: true })).toEqual([
      { it: '1' },
    ])
    await cut.close()
    await proxy.stop()
  })

  test('during a COPY leaves nothing behind, and the rows come on the second try', async () => {
    await database.query('TRUNCATE t')
    const proxy = await startCuttingProxy(database.url)
    const cut = await openTarget(proxy.url)
    const tuples = Array.from({ length: 400_000 }, (_, index) => {
      const tuple = Buffer.from([0, 1, 0, 0, 0, 4, 0, 0, 0, 0])
      tuple.writeInt32BE(index, 6)
      return tuple
    })
    let runs = 0
    await cut.transaction(async (tx) => {
      runs++
      const copying = tx.copyIn({ schema: 'public', table: 't' }, ['id'], tuples)
      if (runs === 1) setImmediate(proxy.cut)
      await copying
    })
    expect(runs).toBe(2)
    expect((await ids()).length).toBe(400_000)
    await cut.close()
    await proxy.stop()
  })
})

describe('transactions in each other’s way', () => {
  test('H50 run again after a deadlock', async () => {
    await database.query('TRUNCATE t; INSERT INTO t VALUES (1), (2)')
    const both = gate(2)
    let runs = 0
    const crossing = (first: number, second: number) =>
      target.transaction(async (tx) => {
        runs++
        await tx.query('SELECT 1 FROM public.t WHERE id = $1 FOR UPDATE', [first])
        if (runs <= 2) await both.arrive()
        await tx.query('SELECT 1 FROM public.t WHERE id = $1 FOR UPDATE', [second])
      })
    await Promise.all([crossing(1, 2), crossing(2, 1)])
    expect(runs).toBe(3)
  })

  test('give up on a lock that is never freed, and say so', async () => {
    await database.query('TRUNCATE t; INSERT INTO t VALUES (1)')
    await target.transaction(async (holder) => {
      await holder.query('SELECT 1 FROM public.t FOR UPDATE')
      const waiting = target.transaction((tx) => tx.query('SELECT 1 FROM public.t FOR UPDATE'), {
        lockMillis: 20,
      })
      await expect(waiting).rejects.toMatchObject({ code: 'LOCK_TIMEOUT', class: 'retry' })
    })
  })

  test('are told about a time limit and not run again', async () => {
    let runs = 0
    const slow = target.transaction(
      async (tx) => {
        runs++
        await tx.query('SELECT pg_sleep(10)')
      },
      { statementMillis: 20 },
    )
    await expect(slow).rejects.toMatchObject({ code: 'TIMEOUT', sqlState: '57014' })
    expect(runs).toBe(1)
  })
})

test('more transactions than connections wait for their turn', async () => {
  const narrow = await openTarget(database.url, { connections: 2 })
  const backends = await Promise.all(
    Array.from({ length: 20 }, () => narrow.transaction((tx) => tx.query('SELECT pg_backend_pid() AS it'))),
  )
  expect(new Set(backends.map(([row]) => row!.it)).size).toBeLessThanOrEqual(2)
  await narrow.close()
})

describe('a signal', () => {
  test('cuts a transaction off, throws its reason, and the server frees the locks', async () => {
    const controller = new AbortController()
    const own = await openTarget(database.url, { signal: controller.signal })
    await database.query('TRUNCATE t; INSERT INTO t VALUES (1)')
    const reason = new Error('Ctrl-C')
    const work = own.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM public.t FOR UPDATE')
      const sleeping = tx.query('SELECT pg_sleep(60)')
      await untilSleeping()
      controller.abort(reason)
      await sleeping
    })
    await expect(work).rejects.toBe(reason)
    await target.transaction((tx) => tx.query('SELECT 1 FROM public.t FOR UPDATE'))
    // The lease has to be released after all.
    expect(await own.transaction((tx) => tx.query('SELECT 1 AS it'))).toEqual([{ it: '1' }])
    await own.close()
  })

  test('ends the waiting for a server', async () => {
    const controller = new AbortController()
    const opening = openTarget(`postgres://kvmig@127.0.0.1:${await freePort()}/db`, {
      signal: controller.signal,
    })
    controller.abort(new Error('Ctrl-C'))
    await expect(opening).rejects.toThrow('Ctrl-C')
  })
})

describe('opening', async () => {
  const secret = 'hunter2-canary'

  const closed = await freePort()

  test.each([
    [
      'nothing listens',
      { port: String(closed) },
      'CONNECTION_REFUSED',
      /Nothing answers at postgres:\/\/127\.0\.0\.1:\d+/,
    ],
    [
      'the host does not exist',
      { hostname: 'nobody.invalid' },
      'HOST_NOT_FOUND',
      /nobody\.invalid was not found/,
    ],
    ['the database does not exist', { pathname: '/nope' }, 'DATABASE_MISSING', /There is no database nope/],
    ['the role does not exist', { username: 'stranger' }, 'LOGIN_REFUSED', /refused the login of stranger/],
    ['the server has no TLS', { search: '?sslmode=require' }, 'TLS_NOT_OFFERED', /does not speak TLS/],
    [
      'the server refuses an option',
      { search: '?options=--nope' },
      'ADDRESS',
      /refused a setting that the address asks for/,
    ],
  ])('says in words that %s, and never the password', async (_, spoilt, code, sentence) => {
    const url = Object.assign(new URL(database.url), { password: secret, ...spoilt })
    const error = await openTarget(url.href).catch((it) => it)
    expect(error).toMatchObject({ code, message: expect.stringMatching(sentence) })
    expect(
      JSON.stringify([error.message, error.hint, String(error.stack), String(error.cause)]),
    ).not.toContain(secret)
  })

  test('waits for a server that is just waking up', async () => {
    const port = await freePort()
    const url = new URL(database.url)
    url.port = String(port)
    const opening = openTarget(url.href)
    // The first connections of its life are cut, as a sleeping server's proxy does; then it is there.
    const proxy = await startCuttingProxy(database.url)
    let refused = 0
    const waking = createServer((client) => {
      if (refused++ < 2) return client.destroy()
      const upstream = new URL(proxy.url)
      import('node:net').then(({ connect }) => {
        const server = connect(Number(upstream.port), upstream.hostname)
        client.pipe(server).pipe(client)
        for (const it of [client, server]) it.on('error', () => {})
      })
    })
    waking.listen(port, '127.0.0.1')
    const late = await opening
    expect(refused).toBeGreaterThan(2)
    await late.close()
    waking.close()
    await proxy.stop()
  })

  test('knows a pooler by its answers', async () => {
    expect(target.pooled).toBe(false)
    const { url, drop } = await freshAddress('pgbouncer')
    const pooled = await openTarget(url)
    expect(pooled.pooled).toBe(true)
    await pooled.close()
    await drop()
  })

  test('runs what cannot be in a transaction, with no time limit of its own left behind', async () => {
    await target.execute('CREATE INDEX CONCURRENTLY on_its_own ON public.t (id)')
    await expect(
      target.execute('CREATE INDEX CONCURRENTLY on_its_own ON public.t (id)'),
    ).rejects.toMatchObject({ sqlState: '42P07' })
    expect(await target.transaction((tx) => tx.query('SELECT 1 AS it'))).toEqual([{ it: '1' }])
  })
})

test('a killed process leaves no statement running on the server', async () => {
  await database.query('TRUNCATE t; INSERT INTO t VALUES (1)')
  const script = `
    const pg = (await import('pg')).default
    const client = new pg.Client(${JSON.stringify(database.url)})
    await client.connect()
    await client.query(${JSON.stringify(beginWithSettings({}, { watchesClient: true }).join('; '))})
    await client.query('SELECT 1 FROM public.t FOR UPDATE')
    await client.query('SELECT pg_sleep(120)')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
  await untilSleeping()
  child.kill('SIGKILL')
  await target.transaction((tx) => tx.query('SELECT 1 FROM public.t FOR UPDATE'))
})

async function untilSleeping(): Promise<void> {
  const sleeping = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`
  while ((await database.query(sleeping)).rowCount === 0) {
    // not yet
  }
}

function gate(count: number): { arrive(): Promise<void> } {
  let open: () => void = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  let arrived = 0
  return {
    async arrive() {
      if (++arrived === count) open()
      await opened
    },
  }
}

test('a server that asks for a password in vain is not left waiting', async () => {
  const server = createServer((socket) => socket.on('data', (it) => socket.write(askForPassword(it))))
  const left = new Promise((resolve) => server.once('connection', (socket) => socket.once('close', resolve)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await expect(openTarget(`postgres://ann@127.0.0.1:${port}/app`)).rejects.toMatchObject({
    code: 'LOGIN_REFUSED',
  })
  await left
  server.close()
})

/** What a server with SCRAM answers: no TLS, then which mechanisms, then its nonce and salt. */
function askForPassword(heard: Buffer): Buffer {
  const authentication = (kind: number, rest: string): Buffer => {
    const message = Buffer.alloc(9 + rest.length)
    message.write('R')
    message.writeInt32BE(message.length - 1, 1)
    message.writeInt32BE(kind, 5)
    message.write(rest, 9)
    return message
  }
  if (heard.length === 8) return Buffer.from('N')
  const nonce = /,r=(.+)/.exec(heard.toString('latin1'))?.[1]
  return nonce
    ? authentication(11, `r=${nonce}more,s=c2FsdA==,i=4096`)
    : authentication(10, 'SCRAM-SHA-256\0\0')
}

describe('for an application, which has somebody waiting', () => {
  test('a server that takes requests and does not answer is given up, and asked again when it answers', async () => {
    const proxy = await startProxy(Number(new URL(database.url).port))
    const url = Object.assign(new URL(database.url), { port: String(proxy.port) }).href
    const hasty = await openTarget(url, { answerMillis: 50 })
    const silent = hasty.transaction(async (tx) => {
      proxy.stall(true)
      await tx.query('SELECT 1')
    })
    await expect(silent).rejects.toMatchObject({ code: 'TIMEOUT' })
    proxy.stall(false)
    const committing = hasty.transaction(async (tx) => {
      await tx.query('INSERT INTO public.t VALUES (901)')
      proxy.stall(true)
    })
    await expect(committing).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' })
    proxy.stall(false)
    expect(await hasty.transaction((tx) => tx.query('SELECT 1 AS it'))).toEqual([{ it: '1' }])
    await hasty.close()
    await proxy.close()
  })

  test('a process that is frozen in the middle of a transaction holds nobody up for long', async () => {
    const hasty = await openTarget(database.url, { answerMillis: 50 })
    const lock = 'SELECT pg_advisory_xact_lock(901)'
    let tries = 0
    await hasty.transaction(async (tx) => {
      tries += 1
      await tx.query(lock)
      // It does nothing until somebody else has the lock, which is when the server has ended it.
      if (tries === 1) await target.transaction((other) => other.query(lock))
      await tx.query('SELECT 1')
    })
    expect(tries).toBe(2)
    await hasty.close()
  })
})
