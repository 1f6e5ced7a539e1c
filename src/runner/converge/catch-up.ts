import type { KvmigError } from '../../errors.ts'
import { settleContests } from '../../executors/contests.ts'
import type { Context } from '../../executors/executor.ts'
import { failpoint } from '../../failpoint.ts'
import type { Plan } from '../../plan/plan.ts'
import { mappingsOf } from '../../plan/plan.ts'
import { showTable } from '../../plan/table.ts'
import { drain } from '../phases/drain.ts'
import type { Session } from '../session.ts'
import { blown, mayDelete } from './fuse.ts'
import { NOTHING_PULLED, type Pulled, type Pulling, pull, TOGETHER } from './pull.ts'
import { hasShrunk, keysBefore, shrunk } from './shrunk.ts'
import { findAllSuspects, type Suspect, type Suspects } from './suspects.ts'

export interface CaughtUp extends Pulled {
  readonly passes: number
  /** Rows that were compared in the last pass. */
  readonly compared: number
  /** No difference was left in the last pass. */
  readonly complete: boolean
  /** Rows whose record nobody can tell. */
  readonly unplaced: number
}

/** A busy store may need a few; each has less to do than the one before. */
const MOST_PASSES = 6

/** A plan in the rollout window of phase B. */
export interface Behind {
  readonly plan: Plan
  readonly epoch: number
}

/**
 * Makes the tables of plans what the source says: compares everything, writes what differs, deletes what the source does not have any
 * more, and does so again until a pass finds nothing. A pass reads each source once for all plans that are not done yet. Everything it
 * writes goes through claims, so live writes win. A plan of which more would be deleted than the fuse lets through, or anything on the word
 * of a store that has lost a tenth of its keys, is left alone before anything of it is changed: it gets that error, and the others go on.
 * May be killed and run again: what is done is not done twice.
 */
export async function catchUp(
  session: Session,
  context: Context,
  options: {
    /** Those that others refer to first. */
    readonly plans: readonly Behind[]
    readonly confirmDeletes: number | undefined
    readonly progress?: (keys: number) => void
  },
): Promise<ReadonlyMap<string, CaughtUp | KvmigError>> {
  const { confirmDeletes, progress } = options
  const { signal } = context
  const ended = new Map<string, CaughtUp | KvmigError>()
  const sums = new Map<string, Pulled>()
  let open = options.plans
  for (let passes = 1; open.length > 0; passes++) {
    const all = await findAllSuspects(
      session,
      open.map((it) => it.plan),
      { signal, ...(progress ? { progress } : {}) },
    )
    for (const { plan, epoch } of open) {
      const found = all.get(plan.name)!
      const before = sums.get(plan.name) ?? NOTHING_PULLED
      const error = await tooMuchGone(session, plan, found, leftOf(confirmDeletes, before))
      if (error) {
        ended.set(plan.name, error)
        continue
      }
      const live = await session.live(plan.source)
      await drain(session.target, live, { plan: plan.name, epoch, signal })
      const pulled = await pullAll(found.list, { plan, epoch, live, context, sweep: true })
      const sum = added(before, pulled)
      sums.set(plan.name, sum)
      let contested = 0
      for (const table of tablesOf(plan)) {
        if (session.compiled.collides(table))
          contested += await settleContests(table, context, { live: true })
      }
      const complete =
        pulled.written + pulled.deleted + pulled.waiting + contested === 0 && found.unplaced.length === 0
      if (!complete && passes < MOST_PASSES) continue
      failpoint('catch-up.done')
      ended.set(plan.name, {
        ...sum,
        passes,
        compared: found.compared,
        complete,
        unplaced: found.unplaced.length,
      })
    }
    open = open.filter((it) => !ended.has(it.plan.name))
  }
  return ended
}

async function tooMuchGone(
  session: Session,
  plan: Plan,
  { tables, keys }: Suspects,
  confirmed: number | undefined,
): Promise<KvmigError | undefined> {
  const beyond = tables.find(({ rows, extra }) => extra > mayDelete(rows, confirmed))
  if (beyond) return blown(plan.name, beyond)
  const gone = tables.reduce((sum, it) => sum + it.extra, 0)
  if (gone === 0 || confirmed !== undefined) return undefined
  const before = await keysBefore(session.ledger, plan.name)
  if (!hasShrunk(keys, before)) return undefined
  const { label } = await session.live(plan.source)
  return shrunk(plan.name, { keys, before: before!, gone, store: label })
}

/** Goes through suspects in batches, each a transaction. */
export async function pullAll(suspects: readonly Suspect[], pulling: Pulling): Promise<Pulled> {
  let sum = NOTHING_PULLED
  for (let from = 0; from < suspects.length; from += TOGETHER) {
    pulling.context.signal.throwIfAborted()
    sum = added(sum, await pull(suspects.slice(from, from + TOGETHER), pulling))
  }
  return sum
}

const added = (a: Pulled, b: Pulled): Pulled => ({
  written: a.written + b.written,
  deleted: a.deleted + b.deleted,
  alike: a.alike + b.alike,
  rejected: a.rejected + b.rejected,
  // A record that waited in one pass is looked at again in the next.
  waiting: b.waiting,
})

const leftOf = (confirmed: number | undefined, { deleted }: Pulled): number | undefined =>
  confirmed === undefined ? undefined : confirmed - deleted

const tablesOf = (plan: Plan) => [
  ...new Map(mappingsOf(plan).map(({ into }) => [showTable(into), into])).values(),
]
