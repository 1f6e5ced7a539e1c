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
import { findSuspects, type Suspect } from './suspects.ts'

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

/**
 * Makes the tables of a plan what the source says: compares everything, writes what differs, deletes what the source does not have any
 * more, and does so again until a pass finds nothing. Everything it writes goes through claims, so live writes win. Stops before it
 * changes anything where it would delete more than the fuse lets through, or anything from a store that has lost a tenth of its keys. May be killed and run again: what is done is not done twice.
 */
export async function catchUp(
  session: Session,
  context: Context,
  options: {
    readonly plan: Plan
    readonly epoch: number
    readonly confirmDeletes: number | undefined
    readonly progress?: (keys: number) => void
  },
): Promise<CaughtUp> {
  const { plan, epoch, confirmDeletes, progress } = options
  const { signal } = context
  const live = await session.live(plan.source)
  const before = await keysBefore(session.ledger, plan.name)
  let sum = NOTHING_PULLED
  for (let passes = 1; ; passes++) {
    const found = await findSuspects(session, plan, { signal, ...(progress ? { progress } : {}) })
    const beyond = found.tables.find(
      ({ rows, extra }) => extra > mayDelete(rows, leftOf(confirmDeletes, sum)),
    )
    if (beyond) throw blown(plan.name, beyond)
    const gone = found.tables.reduce((sum, it) => sum + it.extra, 0)
    if (gone > 0 && confirmDeletes === undefined && hasShrunk(found.keys, before))
      throw shrunk(plan.name, { keys: found.keys, before: before!, gone, store: live.label })
    const pulling: Pulling = { plan, epoch, live, context, sweep: true }
    await drain(session.target, live, { plan: plan.name, epoch, signal })
    const pulled = await pullAll(found.list, pulling)
    sum = added(sum, pulled)
    let open = 0
    for (const table of tablesOf(plan)) {
      if (session.compiled.collides(table)) open += await settleContests(table, context, { live: true })
    }
    const complete =
      pulled.written + pulled.deleted + pulled.waiting + open === 0 && found.unplaced.length === 0
    if (complete || passes === MOST_PASSES) {
      failpoint('catch-up.done')
      return { ...sum, passes, compared: found.compared, complete, unplaced: found.unplaced.length }
    }
  }
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
