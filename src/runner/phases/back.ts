import { KvmigError, SourceError } from '../../errors.ts'
import type { Context } from '../../executors/executor.ts'
import type { Phase, Plan } from '../../plan/plan.ts'
import type { Why } from '../../state/flips.ts'
import type { Route } from '../../state/ledger.ts'
import { releaseTouches } from '../../state/touches.ts'
import type { Session } from '../session.ts'
import { drain, drainWithin, waitingIn } from './drain.ts'
import { flip } from './flip.ts'
import { requireSameStore } from './same-store.ts'

export interface WentBack {
  readonly route: Route
  /** Changes that were carried to the source before and after the flip. */
  readonly drained: number
  /** Changes that are not in the source, as was accepted. */
  readonly atRisk: number
  readonly millis: number
}

/**
 * Takes a plan one phase back: from D to C, from C to B, or from B to A. What is in Postgres and not in the source is carried over first; where the
 * source is out of reach it says how many changes that are, and goes on only if so many are accepted. What was under way is carried over in
 * the transaction that changes the route. Idempotent.
 */
export async function goBack(
  session: Session,
  context: Pick<Context, 'target' | 'lease' | 'signal'>,
  options: {
    readonly plan: Plan
    readonly route: Route
    readonly to: Phase
    readonly atRisk: number | undefined
    readonly why: Why
  },
): Promise<WentBack> {
  const { plan, route, to, atRisk, why } = options
  const began = performance.now()
  const { target } = session
  const { signal } = context
  const live = await session.live(plan.source).catch(() => undefined)
  const carry = async (epoch: number): Promise<number> => {
    if (live) return drain(target, live, { plan: plan.name, epoch, signal })
    return 0
  }
  if (route.phase === 'C' && to === 'B') await requireRebuilt(session, plan.name)
  let drained = 0
  let lost = 0
  let within = 0
  try {
    if (live && route.phase === 'C') await requireSameStore(live, plan.name)
    drained = await carry(route.epoch)
    lost = live ? 0 : await waitingIn(target, plan.name)
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    lost = await waitingIn(target, plan.name)
  }
  if (lost > (atRisk ?? 0)) throw risky(plan.name, lost)
  const isTold = {
    raiseEpoch: async (...it: [string, number]) => live?.raiseEpoch(...it).catch(ifReachable),
  }
  const back = await flip(context, isTold, {
    plan: plan.name,
    // Postgres has decided so far: whoever goes on in B need not catch up.
    to: { phase: to, rollout: false },
    from: route,
    why,
    also: async (tx) => {
      // Writes that were under way: whoever reads the source from now on has to see them.
      if (live && lost === 0) within = await drainWithin(tx, live, { plan: plan.name, epoch: route.epoch })
      if (to !== 'A') return
      await releaseTouches(tx, plan.name)
      // What was found out while both were written says nothing about the next time.
      await session.ledger.forgetSteps(
        tx,
        ['reconcile', 'drill', 'catch_up', 'entered'].map((it) => `${plan.name}/B/${it}`),
      )
    },
  })
  return { route: back, drained: drained + within, atRisk: lost, millis: performance.now() - began }
}

/** After a way back from D the source has only what was written since, until a reconcile has carried the rest over. */
async function requireRebuilt({ target }: Session, plan: string): Promise<void> {
  const [row] = await target.transaction((tx) =>
    tx.query(
      `SELECT 1 FROM kvmig.flip f WHERE f.plan = $1 AND f.phase = 'D' AND NOT EXISTS (
        SELECT 1 FROM kvmig.step s WHERE s.id = $1 || '/B/reconcile' AND s.at > f.at
          AND s.at > (SELECT max(b.at) FROM kvmig.flip b WHERE b.plan = $1 AND b.phase = 'C')
          AND (s.outcome->>'left')::bigint = 0)`,
      [plan],
    ),
  )
  if (!row) return
  throw new KvmigError(
    'NOT_REBUILT',
    `The source of ${plan} was retired and does not have everything: whoever reads it would miss records.`,
    {
      hint: `kvmig reconcile ${plan} carries every row to it; then kvmig rollback.`,
    },
  )
}

// A store that is out of reach learns of the epoch by the next write; until then Postgres refuses the old ones.
function ifReachable(error: unknown): void {
  if (!(error instanceof SourceError)) throw error
}

const risky = (plan: string, lost: number): KvmigError =>
  new KvmigError(
    'AT_RISK',
    `${lost.toLocaleString('en-US')} ${lost === 1 ? 'change' : 'changes'} of ${plan} ${lost === 1 ? 'is' : 'are'} in Postgres and not in the source, which is out of reach: whoever reads the source would not see ${lost === 1 ? 'it' : 'them'}. Nothing was changed.`,
    {
      hint: `Bring the source back first. To go back all the same: --accept-risk=${lost}, or a larger number where the application goes on writing: it is the most that you accept. The changes stay in the outbox and are carried over when it answers.`,
    },
  )
