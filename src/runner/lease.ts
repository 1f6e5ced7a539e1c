import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { LeaseError } from '../errors.ts'
import type { Lease, Ledger, RunStart } from '../state/ledger.ts'

/**
 * Takes the lease for a run. One that a process of this machine left behind when it was killed is taken over at once; of others, such as
 * those of another container on it, kvmig cannot know, so they have to expire. Should the process live after all, its fencing token keeps it from writing.
 */
export async function takeLease({ lease }: Ledger, { who }: RunStart): Promise<Lease> {
  const holder = `${who}@${machine()} (process ${process.pid})`
  try {
    return await lease.acquire(holder)
  } catch (error) {
    if (!(error instanceof LeaseError)) throw error
    const held = await lease.current()
    // It may have run out between the two questions.
    if (held) {
      if (!isDead(held.holder)) throw error
      await lease.unlock(held.id)
    }
    return lease.acquire(holder)
  }
}

function isDead(holder: string): boolean {
  const [, host, pid] = /@(\S+) \(process (\d+)\)$/.exec(holder) ?? []
  if (host !== machine()) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/**
 * Where a process number means what it means here: the host, and of a Linux its boot and its namespace of process numbers. Containers may
 * share a name, and a machine that was started again gives the same numbers to others.
 */
export function machine(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')
    const space = readlinkSync('/proc/self/ns/pid')
    const digest = createHash('sha256').update(boot).update(space).digest('hex')
    return `${hostname()}/${digest.slice(0, 6)}`
  } catch {
    return hostname()
  }
}
