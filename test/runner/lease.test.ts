import { expect, test } from 'vitest'
import { LeaseError } from '../../src/errors.ts'
import { machine, takeLease } from '../../src/runner/lease.ts'
import type { Lease, LeaseInfo, Ledger, RunStart } from '../../src/state/ledger.ts'

const DEAD = `somebody@${machine()} (process ${2 ** 30})`
const ALIVE = `somebody@${machine()} (process ${process.pid})`
const run = { who: 'me' } as RunStart

/** A desk whose lease somebody has, until it is unlocked or has run out. */
function desk(holder: string, { runsOutWhenAskedFor = false } = {}) {
  let info: LeaseInfo | undefined = { id: 'theirs', holder, since: '', until: '' }
  const unlocked: string[] = []
  const lease: Ledger['lease'] = {
    acquire: async () => {
      if (info) throw new LeaseError('LEASE_HELD', 'held', { exitCode: 7 })
      return { id: 'ours' } as Lease
    },
    current: async () => {
      if (runsOutWhenAskedFor) info = undefined
      return info
    },
    unlock: async (id) => {
      unlocked.push(id)
      info = undefined
      return true
    },
  }
  return { ledger: { lease } as Ledger, unlocked }
}

test('the lease of a process that was killed is taken over at once', async () => {
  const { ledger, unlocked } = desk(DEAD)
  expect(await takeLease(ledger, run)).toMatchObject({ id: 'ours' })
  expect(unlocked).toEqual(['theirs'])
})

test('that of one that lives is not', async () => {
  const { ledger, unlocked } = desk(ALIVE)
  await expect(takeLease(ledger, run)).rejects.toMatchObject({ code: 'LEASE_HELD' })
  expect(unlocked).toEqual([])
})

test('one that runs out while it is asked whose it is, is free', async () => {
  const { ledger, unlocked } = desk(ALIVE, { runsOutWhenAskedFor: true })
  expect(await takeLease(ledger, run)).toMatchObject({ id: 'ours' })
  expect(unlocked).toEqual([])
})
