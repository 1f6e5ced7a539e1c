import { hostname } from 'node:os'
import { LeaseError } from '../errors.ts'
import type { Lease, Ledger, RunStart } from '../state/ledger.ts'

/**
 * Takes the lease for a run. One that a process of this machine left behind when it was killed is taken over at once; of others kvmig
 * cannot know, so they have to expire. Should the process live after all, its fencing token keeps it from writing.
 */
export async function takeLease({ lease }: Ledger, { who }: RunStart): Promise<Lease> {
  const holder = `${who}@${hostname()} (process ${process.pid})`
  try {
    return await lease.acquire(holder)
  } catch (error) {
    const held = error instanceof LeaseError ? await lease.current() : undefined
    if (!held || !isDead(held.holder)) throw error
    await lease.unlock(held.id)
    return lease.acquire(holder)
  }
}

function isDead(holder: string): boolean {
  const [, host, pid] = /@(\S+) \(process (\d+)\)$/.exec(holder) ?? []
  if (host !== hostname()) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
