import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Ended } from '../setup/cli.ts'
import { startPgBouncer } from '../setup/pgbouncer.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FaultyProxy, startProxy } from '../setup/proxy.ts'
import { APPLY, contents, openShop, type Shop, undisturbed } from './shop.ts'

let shop: Shop
let expected: Record<string, unknown>
beforeAll(async () => {
  shop = await openShop()
  expected = await undisturbed(shop)
})
afterAll(() => shop.close())

describe.each(['directly', 'through PgBouncer in transaction mode'])('two applies at once, %s', (way) => {
  let database: FreshDatabase
  let target: string
  let store: FaultyProxy
  beforeEach(async () => {
    database = await freshDatabase()
    const pooler =
      way === 'directly' ? undefined : await startPgBouncer(database.url, { serverConnections: 8 })
    target = pooler?.url ?? database.url
    store = await startProxy(shop.redis.port)
    return async () => {
      await store.close()
      await pooler?.stop()
      await database.drop()
    }
  })

  /** An apply that stands still in the middle of its copy, until it is let go on. */
  async function standing() {
    let goOn = (): void => {}
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const reached = new Promise<void>((resolve) => {
      store.onRequest((bytes) => {
        if (!bytes.includes('MGET')) return
        resolve()
        return held
      })
    })
    const run = shop.start(APPLY, target, { KV_URL: `redis://127.0.0.1:${store.port}` })
    await Promise.race([reached, run.ended.then(({ stderr }) => Promise.reject(new Error(stderr)))])
    return { run, goOn }
  }

  test('the second is told who holds the lease, since when and until when, and exits 7', async () => {
    const first = await standing()
    const second = await shop.run(APPLY, target)
    expect(second.code).toBe(7)
    expect(second.stdout).toBe('')
    expect(second.stderr).toMatch(
      new RegExp(
        `^kvmig: LEASE_HELD  \\S+@\\S+ \\(process ${first.run.child.pid}\\) is applying since ${TIME}, and holds the lease until ${TIME} at least\\.
       Wait for it\\. If that process is gone, its lease ends by itself then; kvmig unlock ${ID} takes it away now\\.
$`,
      ),
    )
    const status = await shop.run(['status'], target)
    expect(status.stdout).toContain(`(process ${first.run.child.pid})`)
    first.goOn()
    expect((await first.run.ended).code).toBe(0)
    expect(await contents(database)).toEqual(expected)
  })

  test('unlock takes it away: the first writes nothing more and exits 7, the next goes on and completes', async () => {
    const first = await standing()
    const [id] = new RegExp(ID).exec((await shop.run(APPLY, target)).stderr) ?? []
    const unlocked = await shop.run(['unlock', id!], target)
    expect(unlocked.stdout).toMatch(/^Took the lease from \S+@\S+ \(process \d+\), who had it since /)
    expect(unlocked.code).toBe(0)
    const second = await shop.run(APPLY, target)
    expect(second.code).toBe(0)
    first.goOn()
    const ended = await first.run.ended
    expect(ended.code).toBe(7)
    expect(ended.stderr).toContain('LEASE_LOST  The lease was taken away')
    expect(await contents(database)).toEqual(expected)
    const again = await shop.run(['unlock', id!], target)
    expect({ code: again.code, stderr: again.stderr }).toEqual({
      code: 1,
      stderr: `kvmig: LEASE_UNKNOWN  There is no lease ${id}.\n       Nobody holds one: apply can go ahead.\n`,
    })
  })

  // Each is a process, and a pooler makes no difference to who is first.
  const many = way === 'directly' ? 20 : 6
  test(`H44 of ${many} that start together exactly one runs, and the others say who does`, async () => {
    let waiting = 0
    let goOn = (): void => {}
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    // Whoever has the lease stands still until all the others have been turned away.
    store.onRequest((bytes) => (bytes.includes('SCAN') ? held : undefined))
    const runs = Array.from({ length: many }, () => {
      const run = shop.start(APPLY, target, { KV_URL: `redis://127.0.0.1:${store.port}` })
      run.ended.then(() => {
        waiting += 1
        if (waiting === many - 1) goOn()
      })
      return run
    })
    const ended: readonly Ended[] = await Promise.all(runs.map((it) => it.ended))
    const holders = runs.filter((_, index) => ended[index]!.code === 0).map((it) => it.child.pid)
    expect(holders).toHaveLength(1)
    for (const { code, stderr } of ended.filter((it) => it.code !== 0)) {
      expect({ code, stderr }).toEqual({
        code: 7,
        stderr: expect.stringContaining(`(process ${holders[0]}) is applying since`),
      })
    }
    expect(await contents(database)).toEqual(expected)
  })
})

const TIME = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z'
const ID = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'
