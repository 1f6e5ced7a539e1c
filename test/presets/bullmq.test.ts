import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { runCli } from '../setup/run-cli.ts'
import { load, migrate } from './migrate.ts'

const { Queue, Worker } = await load('bullmq')
const { default: PgBoss } = await load('pg-boss')

let redis: FreshRedis
let database: FreshDatabase
beforeAll(async () => {
  redis = await freshRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => {
  await redis.client.flushall()
  database = await freshDatabase()
})
afterEach(() => database.drop())

const HOUR = 3_600_000

/** Queues as BullMQ leaves them when its workers stop: jobs in every state. */
async function fillQueues() {
  const connection = { host: '127.0.0.1', port: redis.port }
  const emails = new Queue('emails', { connection })
  await emails.add('send', { to: 'done' })
  await emails.add('fail', { to: 'failed' }, { attempts: 2, backoff: 1 })
  await emails.add('hang', { to: 'interrupted' }, { attempts: 3 })
  const hanging = once(emails, 'hanging')
  const worker = new Worker(
    'emails',
    async (job: { name: string; data: { to: string }; log(line: string): Promise<unknown> }) => {
      await job.log(`to ${job.data.to}`)
      if (job.name === 'fail') throw new Error('mailbox "full"')
      if (job.name === 'hang') {
        emails.emit('hanging')
        await new Promise(() => {})
      }
      return { sent: job.data.to }
    },
    { connection, concurrency: 3 },
  )
  await Promise.all([hanging, vi.waitFor(async () => expect(await emails.getFailedCount()).toBe(1), 10_000)])
  await vi.waitFor(async () => expect(await emails.getCompletedCount()).toBe(1), 10_000)
  await worker.close(true)

  await emails.add('send', { to: 'waiting', amount: 9007199254740991, text: '“ü” 🎈' })
  await emails.add('send', { to: 'less urgent' }, { priority: 7 })
  await emails.add('send', { to: 'more urgent' }, { priority: 2 })
  await emails.add('send', { to: 'mine' }, { jobId: 'order-17' })
  await emails.add('send', { to: 'later' }, { delay: HOUR })
  await emails.add('send', { to: 'due' }, { delay: 1 })
  await emails.add('send', { to: 'again' }, { attempts: 5, backoff: { type: 'exponential', delay: 1500 } })
  await emails.add('send', { to: 'once' }, { deduplication: { id: 'd', ttl: HOUR }, delay: HOUR })
  await emails.upsertJobScheduler(
    'nightly',
    { pattern: '0 3 * * *', tz: 'Europe/Berlin' },
    { name: 'report', data: { kind: 'daily' } },
  )
  const paused = new Queue('video-encode', { connection })
  await paused.pause()
  await paused.add('encode', { file: 'a.mov' })
  await emails.close()
  await paused.close()
}

interface Job {
  readonly name: string
  readonly data: { name: string; data: { to: string } }
  readonly [column: string]: unknown
}

/** pg-boss makes its tables, and a partition for each queue. */
async function makeQueues(...names: readonly string[]): Promise<void> {
  const boss = new PgBoss({ connectionString: database.url, supervise: false, schedule: false })
  await boss.start()
  for (const name of names) await boss.createQueue(name)
  await boss.stop({ graceful: false, wait: true })
}

test('bullmq: the workers of pg-boss go on with the jobs, each in its state', async () => {
  await fillQueues()
  await makeQueues('emails', 'video-encode')

  await migrate('bullmq', { KV_URL: redis.url, DATABASE_URL: database.url })

  const boss = new PgBoss({ connectionString: database.url, supervise: false, schedule: false })
  await boss.start()
  try {
    const jobs: Job[] = []
    for (;;) {
      const [next] = await boss.fetch('emails', { includeMetadata: true })
      if (!next) break
      jobs.push(next)
    }
    // Those with BullMQ's priority after those without, the more urgent first; what is delayed is not there yet.
    expect(jobs.map((it) => it.data.data.to)).toEqual([
      'interrupted',
      'waiting',
      'mine',
      'due',
      'again',
      'more urgent',
      'less urgent',
    ])
    const [interrupted, waiting, mine, , again] = jobs
    expect(waiting!.data).toEqual({
      name: 'send',
      data: { to: 'waiting', amount: 9007199254740991, text: '“ü” 🎈' },
    })
    expect(interrupted).toMatchObject({ retryLimit: 2, retryCount: 1 })
    expect(mine).toMatchObject({ singletonKey: 'order-17', retryLimit: 0 })
    expect(again).toMatchObject({ retryLimit: 4, retryDelay: 2, retryBackoff: true })

    // They can be done, and fail, as any other job.
    await boss.complete('emails', waiting!.id, { sent: true })
    expect(await boss.getJobById('emails', waiting!.id)).toMatchObject({ state: 'completed' })
    await boss.fail('emails', mine!.id, new Error('no'))
    expect(await boss.getJobById('emails', mine!.id)).toMatchObject({ state: 'failed' })
    await boss.fail('emails', again!.id, new Error('not now'))
    expect(await boss.getJobById('emails', again!.id)).toMatchObject({ state: 'retry' })

    const { rows } = await database.query(
      "select singleton_key as id, data->'data'->>'to' as to, state::text, output, retry_count, start_after > now() + interval '59 minutes' as waits, keep_until > start_after as kept from pgboss.job order by created_on",
    )
    const of = (to: string) => rows.find((it) => it.to === to)
    expect(of('done')).toMatchObject({ id: '1', state: 'completed', output: { sent: 'done' } })
    expect(of('failed')).toMatchObject({ state: 'failed', output: 'mailbox "full"', retry_count: 1 })
    expect(of('later')).toMatchObject({ state: 'created', waits: true, kept: true })
    expect(of('once')).toMatchObject({ state: 'created', waits: true })
    expect(await boss.fetch('video-encode')).toMatchObject([{ data: { data: { file: 'a.mov' } } }])
    expect(await boss.getSchedules()).toMatchObject([
      {
        name: 'emails',
        cron: '0 3 * * *',
        timezone: 'Europe/Berlin',
        data: { name: 'report', data: { kind: 'daily' } },
      },
    ])
    // The next run of a schedule is not a job of its own: pg-boss would run it twice.
    expect(rows.filter((it) => String(it.id).startsWith('repeat:'))).toEqual([])
    const { rows: logs } = await database.query('select job, position, line from job_logs order by 1, 2')
    expect(logs).toEqual([
      { job: '1', position: 0, line: 'to done' },
      { job: '2', position: 0, line: 'to failed' },
      { job: '2', position: 1, line: 'to failed' },
      { job: '3', position: 0, line: 'to interrupted' },
    ])
    expect(await boss.send('emails', { name: 'send', data: { to: 'new' } })).toBeTruthy()
  } finally {
    await boss.stop({ graceful: false, wait: true })
  }
}, 60_000)

test('bullmq: what pg-boss has no place for is told, and keeps gate B closed', async () => {
  const connection = { host: '127.0.0.1', port: redis.port }
  const emails = new Queue('emails', { connection })
  const forgotten = new Queue('forgotten', { connection })
  await emails.upsertJobScheduler('often', { every: 90_000 }, { name: 'poll' })
  await forgotten.add('send', { to: 'ann' })
  await emails.close()
  await forgotten.close()
  await makeQueues('emails')

  const folder = projectFolder({})
  const run = (...argv: string[]) =>
    runCli(argv, { cwd: folder.path, env: { KV_URL: redis.url, DATABASE_URL: database.url } })
  expect((await run('init', '--preset', 'bullmq')).code).toBe(0)
  const { code, stdout } = await run('apply', '--phase=A', '--yes')
  const told = stdout + (await run('status')).stdout
  folder.remove()
  expect(`${code} ${told}`).toMatch(/^3 /)
  expect(told).toContain('1 uncovered')
  expect(told).toContain('bull:emails:repeat:often')
  expect(told).toMatch(/1 open +CONSTRAINT +jobs +e\.g\. bull:forgotten:1/)
}, 60_000)
