import type { LetGo } from '../archive/let-go.ts'
import { openPlace } from '../archive/open-place.ts'
import { planEntries } from '../archive/plan-entries.ts'
import { type Archive, openArchive, verifyArchive } from '../archive/read-archive.ts'
import { type Restored, restore } from '../archive/restore.ts'
import { type Deleted, deletedOf } from '../archive/without-deleted.ts'
import { writeArchive } from '../archive/write-archive.ts'
import { KvmigError } from '../errors.ts'
import type { Context } from '../executors/executor.ts'
import { failpoint } from '../failpoint.ts'
import type { Plan } from '../plan/plan.ts'
import type { StoreEditor } from '../sources/editor.ts'
import type { Source } from '../sources/source.ts'
import { repeatably } from '../state/schema.ts'
import { deletedSince } from '../state/touches.ts'
import { databaseClock } from '../target/clock.ts'
import { VERSION } from '../version.ts'
import type { Session } from './session.ts'

/** What the ledger remembers of an archive of a plan. */
export interface ArchiveRecord {
  /** Step id; the last part is the folder's name. */
  readonly id: string
  readonly plan: string
  /** As the plan has it, with `${NAME}` not replaced. */
  readonly to: string
  readonly folder: string
  /** ISO times by the clock of the database. */
  readonly archivedAt: string
  readonly keepUntil: string
  /** When it had been read back: from then on nobody at kvmig reads its keys in the store. */
  readonly verifiedAt?: string
  /** `writing`: it was begun and not finished. */
  readonly state: 'writing' | 'verified'
  readonly keys: number
  /** Keys of types that kvmig cannot read: they stay in the store. */
  readonly unreadable: number
  /** Deleting its keys was begun. */
  readonly lettingGo?: true
  /** What became of its keys in the store, once they were let go. */
  readonly letGo?: Omit<LetGo, 'samples'>
}

/** Are all its keys gone from the store? While one holds something else by now, they are looked at again. */
export const isLetGo = ({ letGo }: Pick<ArchiveRecord, 'letGo'>): boolean => letGo?.changed === 0

/**
 * Archives the entries of a plan and reads the archive back. One that was begun and not finished is written again from the start; a
 * finished one is not touched.
 */
export async function archivePlan(
  session: Session,
  plan: Plan,
  context: Context,
  options: { readonly to?: string | undefined; readonly progress?: (keys: number) => void } = {},
): Promise<ArchiveRecord> {
  const begun = (await archivesOf(session, plan.name)).find((it) => it.state === 'writing')
  const to = begun?.to ?? options.to ?? plan.archive?.to
  if (to === undefined)
    throw new KvmigError('ARCHIVE_NOWHERE', `Plan ${plan.name} does not say where its data is archived.`, {
      hint: 'Write archive: { to: ./archive, keep: 30d } into the plan, or say --to FOLDER.',
    })
  const now = (await databaseClock(session))()
  const archivedAt = begun?.archivedAt ?? new Date(now).toISOString()
  const folder = begun?.folder ?? `${plan.name}-${archivedAt.replace(/[-:]|\.\d+/g, '')}`
  const keepUntil = new Date(Date.parse(archivedAt) + (plan.archive?.keepMillis ?? KEEP_MILLIS)).toISOString()
  const record: ArchiveRecord = {
    id: `${plan.name}/D/archive/${folder}`,
    plan: plan.name,
    to,
    folder,
    archivedAt,
    keepUntil,
    state: 'writing',
    keys: 0,
    unreadable: 0,
  }
  await save(context, record)
  failpoint('archive.begun')
  const place = openPlace(session.resolve(to, plan.at), session.project.root, session.variables)
  const source = await session.source(plan.source)
  const { manifest, unreadable } = await writeArchive({
    place,
    folder,
    pages: planEntries(source, session.compiled.router(plan.source), plan.name),
    about: { kvmig: VERSION, plan: plan.name, source: source.label, archivedAt, keepUntil },
    ...(options.progress ? { progress: options.progress } : {}),
  })
  const keys = await verifyArchive(await openArchive(place, folder))
  if (keys !== manifest.keys) throw new Error('an archive that lost keys on its way')
  const verifiedAt = new Date((await databaseClock(session))()).toISOString()
  const verified: ArchiveRecord = { ...record, state: 'verified', keys, unreadable, verifiedAt }
  await save(context, verified)
  return verified
}

const KEEP_MILLIS = 30 * 86_400_000

/** The archives of a plan that the ledger knows, oldest first. */
export async function archivesOf({ ledger }: Session, plan: string): Promise<readonly ArchiveRecord[]> {
  return [...(await ledger.steps()).values()]
    .filter((it) => it.plan === plan && it.kind === 'archive')
    .map((it) => it.outcome as ArchiveRecord)
    .sort((a, b) => (a.archivedAt < b.archivedAt ? -1 : 1))
}

/** Writes what is known of an archive, under the lease. */
export async function save({ ledger, lease, target }: Context, record: ArchiveRecord): Promise<void> {
  await repeatably(() =>
    target.transaction(async (tx) => {
      await lease.fence(tx)
      await ledger.saveStep(tx, {
        id: record.id,
        plan: record.plan,
        phase: 'D',
        kind: 'archive',
        fingerprint: '',
        state: record.state === 'verified' ? 'done' : 'running',
        definition: undefined,
        outcome: record,
      })
    }),
  )
}

/** Opens a source for writing. Throws SOURCE_READ_ONLY where its driver cannot write. */
export async function editorOf(source: Source): Promise<StoreEditor> {
  if (source.edit) return source.edit()
  throw new KvmigError(
    'SOURCE_READ_ONLY',
    `${source.label} is no store that kvmig brings keys back into, or deletes them from.`,
    {
      hint: 'A Redis can: name one with --into, or in the project file.',
    },
  )
}

/** Brings an archive back into a source of the project. */
export async function restoreArchive(
  session: Session,
  options: {
    /** A folder with a manifest in it, relative to where the user is. */
    readonly folder: string
    readonly root: string
    readonly into: string
    readonly replace: boolean
    /** What to do with records that the application has deleted since; undefined: nothing is restored if there are any. */
    readonly deleted?: 'bring back' | 'leave out' | undefined
    readonly signal: AbortSignal
    readonly progress?: (keys: number) => void
  },
): Promise<Restored & { readonly plan: string; readonly label: string }> {
  const { folder, root, into, replace, signal, progress } = options
  const archive = await openArchive(openPlace(folder, root, session.variables), '.')
  const without = options.deleted === 'bring back' ? undefined : await deletedFrom(session, archive, into)
  if (without && without.size > 0 && options.deleted !== 'leave out') throw wereDeleted(archive, without.size)
  const source = await session.source(into)
  const editor = await editorOf(source)
  try {
    const restored = await restore(archive, source, editor, {
      replace,
      signal,
      ...(without ? { without } : {}),
      ...(progress ? { progress } : {}),
    })
    return { ...restored, plan: archive.manifest.plan, label: source.label }
  } finally {
    await editor.close()
  }
}

/** What the ledger knows to be deleted since an archive was made, where it goes back into the store it is of. */
async function deletedFrom(
  { project, ledger, target }: Session,
  { manifest }: Archive,
  into: string,
): Promise<Deleted | undefined> {
  const plan = project.plans.find((it) => it.name === manifest.plan)
  if (plan?.source !== into || !(await ledger.installed())) return undefined
  const places = await target.transaction((tx) => deletedSince(tx, plan.name, manifest.archivedAt), {
    readOnly: true,
  })
  return deletedOf(places)
}

const wereDeleted = ({ manifest }: Archive, count: number): KvmigError =>
  new KvmigError(
    'DELETED_SINCE',
    `${count.toLocaleString('en-US')} ${count === 1 ? 'record' : 'records'} of ${manifest.plan} ${count === 1 ? 'was' : 'were'} deleted by the application since this archive was made; it would bring ${count === 1 ? 'it' : 'them'} back. Nothing was changed.`,
    {
      hint: '--without-deleted leaves them out; --with-deleted brings back everything as it was then.',
    },
  )
