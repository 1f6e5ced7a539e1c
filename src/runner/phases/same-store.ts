import { KvmigError } from '../../errors.ts'
import type { LiveStore } from '../../sources/live-store.ts'

/**
 * A store that was dual-written knows the plan's epoch: it was told when the route changed, and every write says it again. One that does not
 * was emptied or restored since, or is another store: whatever were carried to it would be lost to the real one (H59, H60). Throws
 * STORE_FORGOT. Stores that know no epochs (Replit) cannot be told apart.
 */
export async function requireSameStore(live: LiveStore, plan: string): Promise<void> {
  if (live.underLock || (await live.epoch(plan)) !== undefined) return
  throw new KvmigError(
    'STORE_FORGOT',
    `${live.label} does not know that ${plan} is written to both stores: it was emptied or restored, or it is another store. Nothing was changed.`,
    {
      hint: `Is its address right? If it did lose its data: kvmig reconcile ${plan} --emptied writes everything again from Postgres.`,
    },
  )
}
