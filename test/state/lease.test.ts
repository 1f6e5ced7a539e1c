import { describe, expect, test } from 'vitest'
import { LeaseError } from '../../src/errors.ts'
import type { Lease } from '../../src/state/ledger.ts'
import { openLedger } from '../../src/state/postgres-ledger.ts'
import { openTarget } from '../../src/target/connect.ts'
import { startCuttingProxy } from '../target/cutting-proxy.ts'
import { freshAddress, freshTarget, TARGETS } from '../target/targets.ts'

describe.each(TARGETS)('the lease on %s', async (kind) => {
  const target = await freshTarget(kind)
  const ledger = openLedger(target)
  await ledger.install()
  await target.transaction((tx) => tx.query('CREATE TABLE public.work (id int)'))
  const expire = () =>
    target.transaction((tx) => tx.query(`UPDATE kvmig.lease SET until = now() - interval '1 second'`))
  const write = (lease: Lease, id: number) =>
    target.transaction(async (tx) => {
      await lease.fence(tx)
      await tx.query('INSERT INTO public.work VALUES ($1)', [id])
    })
  const written = async (id: number) =>
    (await target.transaction((tx) => tx.query('SELECT 1 FROM public.work WHERE id = $1', [id]))).length

  test('is had by exactly one of fifty who ask at the same time', async () => {
    const asked = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => ledger.lease.acquire(`process ${index}`)),
    )
    const leases = asked.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []))
    const refusals = asked.flatMap((it) => (it.status === 'rejected' ? [it.reason] : []))
    expect(leases).toHaveLength(1)
    const holder = (await ledger.lease.current())!.holder
    for (const it of refusals) {
      expect(it).toBeInstanceOf(LeaseError)
      expect(it).toMatchObject({ code: 'LEASE_HELD', exitCode: 7, message: expect.stringContaining(holder) })
    }
    await leases[0]!.release()
  })

  test('tells who holds it since when, and is free after its release', async () => {
    const lease = await ledger.lease.acquire('ann@laptop')
    const info = (await ledger.lease.current())!
    expect(info).toMatchObject({ id: lease.id, holder: 'ann@laptop' })
    expect(Date.parse(info.until) - Date.parse(info.since)).toBe(30_000)
    await expect(ledger.lease.acquire('bo@ci')).rejects.toMatchObject({
      message: `ann@laptop is applying since ${info.since}, and holds the lease until ${info.until} at least.`,
      hint: expect.stringContaining(`kvmig unlock ${lease.id}`),
    })
    await lease.release()
    expect(await ledger.lease.current()).toBeUndefined()
    await (await ledger.lease.acquire('bo@ci')).release()
  })

  test('can be taken when it has run out, and then the one who had it writes nothing', async () => {
    const slept = await ledger.lease.acquire('who sleeps')
    await write(slept, 1)
    await expire()
    const taken = await ledger.lease.acquire('who wakes')
    await expect(write(slept, 2)).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(slept.signal.aborted).toBe(true)
    expect(slept.signal.reason).toMatchObject({ code: 'LEASE_LOST' })
    await write(taken, 3)
    expect([await written(1), await written(2), await written(3)]).toEqual([1, 0, 1])
    // Whoever lost it cannot give it away.
    await slept.release()
    await write(taken, 4)
    await taken.release()
  })

  test('stays good after it has run out, as long as nobody else took it', async () => {
    const lease = await ledger.lease.acquire('slow')
    await expire()
    await write(lease, 5)
    expect(await written(5)).toBe(1)
    await lease.release()
  })

  test('can be taken away by its id, and by no other', async () => {
    const lease = await ledger.lease.acquire('stuck')
    expect(await ledger.lease.unlock('00112233-4455-6677-8899-aabbccddeeff')).toBe(false)
    expect(await ledger.lease.unlock(lease.id)).toBe(true)
    expect(await ledger.lease.unlock(lease.id)).toBe(false)
    await expect(write(lease, 6)).rejects.toMatchObject({ code: 'LEASE_LOST' })
  })

  test('renews itself, and notices when it was taken', async () => {
    const quick = openLedger(target, { leaseMillis: 60 })
    const lease = await quick.lease.acquire('quick')
    const first = (await ledger.lease.current())!.until
    for (let until = first; until === first; ) until = (await ledger.lease.current())?.until ?? first
    const lost = new Promise<unknown>((resolve) => {
      lease.signal.addEventListener('abort', () => resolve(lease.signal.reason))
    })
    await ledger.lease.unlock(lease.id)
    expect(await lost).toMatchObject({ code: 'LEASE_LOST' })
    await lease.release()
  })
})

describe.each(['postgres', 'pgbouncer'] as const)('transactions under the lease on %s', async (kind) => {
  const target = await freshTarget(kind)
  const ledger = openLedger(target, { leaseMillis: 60 })
  await ledger.install()

  test('do not keep it from being renewed, however long they take', async () => {
    const lease = await ledger.lease.acquire('busy')
    await target.transaction(async (tx) => {
      await lease.fence(tx)
      const first = (await ledger.lease.current())!.until
      for (let until = first; until === first; ) until = (await ledger.lease.current())?.until ?? first
    })
    expect(lease.signal.aborted).toBe(false)
    await lease.release()
  })

  test('keep others from taking it, even when it has run out', async () => {
    const long = openLedger(target)
    const lease = await long.lease.acquire('busy')
    await target.transaction(async (tx) => {
      await lease.fence(tx)
      await target.transaction((other) =>
        other.query(`UPDATE kvmig.lease SET until = now() - interval '1 second'`),
      )
      const impatient = target.transaction((other) => other.query('SELECT 1 FROM kvmig.lease FOR UPDATE'), {
        lockMillis: 10,
      })
      await expect(impatient).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' })
    })
    await (await long.lease.acquire('next')).release()
  })
})

test('a lease whose COMMIT was cut is had all the same, and renewals outlive cuts', async () => {
  const { url, drop } = await freshAddress('postgres')
  const proxy = await startCuttingProxy(url)
  const target = await openTarget(proxy.url)
  const ledger = openLedger(target, { leaseMillis: 90 })
  await ledger.install()
  for (const when of ['before the client', 'before the server'] as const) {
    // The first COMMIT is that of looking who holds it.
    proxy.cutAtCommit(when, 2)
    const lease = await ledger.lease.acquire('cut')
    proxy.cut()
    const first = (await ledger.lease.current())?.until
    for (let until = first; until === first || until === undefined; )
      until = (await ledger.lease.current())?.until
    expect(lease.signal.aborted).toBe(false)
    await lease.release()
  }
  await target.close()
  await proxy.stop()
  await drop()
})
