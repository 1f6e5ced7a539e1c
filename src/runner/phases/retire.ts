import { type LetGo, letGo } from '../../archive/let-go.ts'
import { openPlace } from '../../archive/open-place.ts'
import { openArchive } from '../../archive/read-archive.ts'
import type { Context } from '../../executors/executor.ts'
import { parseDuration } from '../../plan/duration.ts'
import type { Plan } from '../../plan/plan.ts'
import { readSoak } from '../../state/flips.ts'
import type { Route } from '../../state/ledger.ts'
import { readCounters } from '../../state/metrics.ts'
import type { Transaction } from '../../target/target.ts'
import { type ArchiveRecord, archivePlan, archivesOf, editorOf, save } from '../archive.ts'
import type { Session } from '../session.ts'
import { drain } from './drain.ts'
import { type Fleet, waitForFleet } from './fleet.ts'
import { flip } from './flip.ts'

/** Stops the writes to the source: everything is carried over first, and from then on no instance writes it. */
export async function stopSource(
  session: Session,
  context: Context,
  options: {
    readonly plan: Plan
    readonly route: Route
    readonly waitMillis: number
    readonly evidence: (tx: Transaction) => Promise<void>
  },
): Promise<{ readonly route: Route; readonly fleet: Fleet }> {
  const { plan, waitMillis, evidence } = options
  const { target } = session
  const { signal } = context
  const live = await session.live(plan.source)
  let route = options.route
  if (route.phase === 'C') {
    await drain(target, live, { plan: plan.name, epoch: route.epoch, signal })
    route = await flip(context, live, {
      plan: plan.name,
      to: { phase: 'D', rollout: false },
      from: route,
      why: 'phase',
      also: evidence,
    })
  } else await live.raiseEpoch(plan.name, route.epoch)
  const fleet = await waitForFleet(target, plan.name, {
    epoch: route.epoch,
    expect: undefined,
    waitMillis,
    signal,
  })
  // What was under way when the route changed.
  await drain(target, live, { plan: plan.name, epoch: route.epoch, signal })
  return { route, fleet }
}

/** The archive of a plan that was made after its source was not written any more; made now if there is none. */
export async function archiveOnce(
  session: Session,
  context: Context,
  {
    plan,
    route,
    progress,
  }: { readonly plan: Plan; readonly route: Route; readonly progress?: (keys: number) => void },
): Promise<{ readonly archive: ArchiveRecord; readonly isNew: boolean }> {
  const known = (await archivesOf(session, plan.name)).findLast(
    (it) => it.state === 'verified' && Date.parse(it.archivedAt) >= Date.parse(route.since),
  )
  if (known) return { archive: known, isNew: false }
  return { archive: await archivePlan(session, plan, context, progress ? { progress } : {}), isNew: true }
}

/** What speaks for and against letting go of the source's keys. */
export interface Idle {
  /** For how long the source was not to be written. */
  readonly millis: number
  readonly wantedMillis: number
  /** Commands of the application that reached the source in that time. */
  readonly commands: number
}

const IDLE = '24h'

/** Has anybody used the source of a plan since it was retired? By what the instances of the application count. */
export async function idleOf({ target }: Session, plan: Plan): Promise<Idle> {
  const asked = plan.gates.get('D')?.find((it) => it.check === 'idle')?.options as
    | { readonly for?: string; readonly value?: string }
    | undefined
  const wantedMillis = parseDuration(asked?.for ?? asked?.value ?? IDLE) ?? 0
  const millis = (await readSoak(target, plan.name))?.millis ?? 0
  const counters = await readCounters(target, plan.name, { fromMillis: Math.min(millis, wantedMillis) })
  return {
    millis,
    wantedMillis,
    commands: (counters.get('source.read') ?? 0) + (counters.get('source.write') ?? 0),
  }
}

/** Deletes from the source exactly what an archive holds, where it is still as it was archived. */
export async function letGoOf(
  session: Session,
  context: Context,
  {
    plan,
    archive,
    progress,
  }: { readonly plan: Plan; readonly archive: ArchiveRecord; readonly progress?: (keys: number) => void },
): Promise<LetGo> {
  const { target, lease, signal } = context
  const place = openPlace(session.resolve(archive.to, plan.at), session.project.root, session.variables)
  const editor = await editorOf(await session.source(plan.source))
  try {
    const gone = await letGo(await openArchive(place, archive.folder), editor, {
      signal,
      fence: () => target.transaction((tx) => lease.fence(tx)),
      ...(progress ? { progress } : {}),
    })
    const { samples: _, ...counts } = gone
    await save(context, { ...archive, letGo: counts })
    return gone
  } finally {
    await editor.close()
  }
}
