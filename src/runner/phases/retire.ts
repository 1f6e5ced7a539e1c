import { type LetGo, letGo } from '../../archive/let-go.ts'
import { type Newcomers, newcomers } from '../../archive/newcomers.ts'
import { openPlace } from '../../archive/open-place.ts'
import { archivedKeys, openArchive } from '../../archive/read-archive.ts'
import { commandsSince } from '../../checks/idle.ts'
import type { Context } from '../../executors/executor.ts'
import { parseDuration } from '../../plan/duration.ts'
import type { Plan } from '../../plan/plan.ts'
import { readSoak } from '../../state/flips.ts'
import type { Route } from '../../state/ledger.ts'
import type { Transaction } from '../../target/target.ts'
import { type ArchiveRecord, archivePlan, archivesOf, editorOf, save } from '../archive.ts'
import type { Session } from '../session.ts'
import { drain } from './drain.ts'
import { type Fleet, type Patience, waitForFleet } from './fleet.ts'
import { flip } from './flip.ts'
import { requireSameStore } from './same-store.ts'

/** Stops the writes to the source: everything is carried over first, and from then on no instance writes it. */
export async function stopSource(
  session: Session,
  context: Context,
  options: {
    readonly plan: Plan
    readonly route: Route
    readonly patience: Patience
    readonly evidence: (tx: Transaction) => Promise<void>
  },
): Promise<{ readonly route: Route; readonly fleet: Fleet }> {
  const { plan, patience, evidence } = options
  const { target } = session
  const { signal } = context
  const live = await session.live(plan.source)
  await requireSameStore(live, plan.name)
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
    ...patience,
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
  /** The plan wants the whole server to be idle: its statistics. */
  readonly server: boolean
}

const IDLE = '24h'

/** Has anybody used the source of a plan since it was retired? By what the instances of the application count. */
export async function idleOf({ target }: Session, plan: Plan): Promise<Idle> {
  const asked = plan.gates.get('D')?.find((it) => it.check === 'idle')?.options as
    | { readonly for?: string; readonly value?: string; readonly server?: boolean }
    | undefined
  const wantedMillis = parseDuration(asked?.for ?? asked?.value ?? IDLE) ?? 0
  const millis = (await readSoak(target, plan.name))?.millis ?? 0
  const commands = await commandsSince(target, plan.name, Math.min(millis, wantedMillis))
  return { millis, wantedMillis, commands, server: asked?.server === true }
}

/** What the store itself remembers of the use of its keys. */
export interface Touched {
  readonly keys: number
  readonly samples: readonly Buffer[]
  /** False: the store keeps no such times, so that it proves nothing. */
  readonly isKnown: boolean
}

const TOGETHER = 500
/** Times that stores keep are whole seconds, and so are the clocks they keep them by. */
const SLACK_MILLIS = 3_000

/**
 * Which keys of an archive somebody has read or written in the store since it was archived, within the time that it has to be idle for:
 * also those who do not use kvmig/runtime. Asks the store for the age of the last use, which is no use of its own.
 */
export async function touchedSince(
  session: Session,
  {
    plan,
    archive,
    wantedMillis,
    now,
  }: {
    readonly plan: Plan
    readonly archive: ArchiveRecord
    readonly wantedMillis: number
    readonly now: number
  },
): Promise<Touched> {
  const nothing = { keys: 0, samples: [], isKnown: true }
  // Whoever deletes compares first: a run that was killed at it has read what it left.
  if (archive.lettingGo) return nothing
  const sinceMillis = now - Date.parse(archive.verifiedAt ?? archive.archivedAt)
  const restedMillis = Math.min(wantedMillis, sinceMillis) - SLACK_MILLIS
  const editor = await editorOf(await session.source(plan.source))
  let keys = 0
  const samples: Buffer[] = []
  const look = async (batch: readonly Buffer[]): Promise<boolean> => {
    const idle = await editor.idleMillis(batch)
    for (const [index, millis] of (idle ?? []).entries()) {
      if (millis === undefined || millis >= restedMillis) continue
      keys += 1
      if (samples.length < 3) samples.push(batch[index]!)
    }
    return idle !== undefined
  }
  try {
    let batch: Buffer[] = []
    for await (const { parts } of archivedKeys(await openFolder(session, plan, archive))) {
      batch.push(parts[0]!.key)
      if (batch.length < TOGETHER) continue
      if (!(await look(batch))) return { ...nothing, isKnown: false }
      batch = []
    }
    const isKnown = batch.length === 0 || (await look(batch))
    return { keys, samples, isKnown }
  } finally {
    await editor.close()
  }
}

const openFolder = (session: Session, plan: Plan, { to, folder }: ArchiveRecord) =>
  openArchive(openPlace(session.resolve(to, plan.at), session.project.root, session.variables), folder)

/** Which keys of a plan came to the source since it was archived: they are in no archive, and nowhere in the target. */
export async function cameSince(
  session: Session,
  { signal }: Pick<Context, 'signal'>,
  { plan, archive }: { readonly plan: Plan; readonly archive: ArchiveRecord },
): Promise<Newcomers> {
  const source = await session.source(plan.source)
  const router = session.compiled.router(plan.source)
  return newcomers(await openFolder(session, plan, archive), source, { router, plan: plan.name, signal })
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
  const editor = await editorOf(await session.source(plan.source))
  try {
    await save(context, { ...archive, lettingGo: true })
    const gone = await letGo(await openFolder(session, plan, archive), editor, {
      signal,
      fence: async () => {
        await target.transaction((tx) => lease.fence(tx))
      },
      ...(progress ? { progress } : {}),
    })
    const before = archive.letGo?.removed ?? 0
    const counts = { removed: before + gone.removed, changed: gone.changed, gone: gone.gone - before }
    await save(context, { ...archive, lettingGo: true, letGo: counts })
    return { ...gone, gone: counts.gone }
  } finally {
    await editor.close()
  }
}

/**
 * How many keys of an archive are still in a store that kvmig cannot delete from (Upstash, Replit): its owner deletes them. Once none is
 * left, the ledger knows that they were let go.
 */
export async function leftByHand(
  session: Session,
  context: Context,
  { plan, archive }: { readonly plan: Plan; readonly archive: ArchiveRecord },
): Promise<{ readonly keys: number; readonly samples: readonly Buffer[] }> {
  const source = await session.source(plan.source)
  const found = new Map<string, Buffer>()
  const look = async (keys: readonly Buffer[]): Promise<void> => {
    for await (const { entries } of source.read(keys))
      for (const { key } of entries) found.set(key.toString('latin1'), Buffer.from(key))
  }
  let batch: Buffer[] = []
  for await (const { parts } of archivedKeys(await openFolder(session, plan, archive))) {
    context.signal.throwIfAborted()
    batch.push(parts[0]!.key)
    if (batch.length < TOGETHER) continue
    await look(batch)
    batch = []
  }
  if (batch.length > 0) await look(batch)
  if (found.size === 0)
    await save(context, {
      ...archive,
      lettingGo: true,
      letGo: { removed: 0, changed: 0, gone: archive.keys },
    })
  return { keys: found.size, samples: [...found.values()].slice(0, 3) }
}
