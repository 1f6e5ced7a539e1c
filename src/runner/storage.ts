import type { Project, Tariff } from '../plan/plan.ts'
import type { RunRecord } from '../state/ledger.ts'
import type { Target } from '../target/target.ts'

/** What the target's database takes, what it will take after the copy, and how long that fits: bytes. */
export interface StorageForecast {
  readonly now: number
  /** About, when what is pending was copied. */
  readonly after: number
  readonly tariff?: Tariff & {
    /** Taken from the host, since the project names none. */
    readonly assumed: boolean
  }
  /** Bytes a day, where two moments are known between which nothing was copied. */
  readonly growth?: number
  /** The day on which the quota is reached at that growth; absent where it is not within ten years, or there is none. */
  readonly full?: string
  /** What the storage costs a month after the copy. */
  readonly monthly?: number
}

/** The size of the database, and when that was by its own clock (milliseconds since 1970). */
export interface StorageSize {
  readonly bytes: number
  readonly at: number
}

/** Undefined where the role may not ask. */
export async function measureStorage(target: Target): Promise<StorageSize | undefined> {
  try {
    const [row] = await target.transaction(
      (tx) =>
        tx.query(
          'SELECT pg_database_size(current_database()) AS bytes, extract(epoch FROM now()) * 1000 AS at',
        ),
      { readOnly: true },
    )
    return { bytes: Number(row!.bytes), at: Number(row!.at) }
  } catch {
    return undefined
  }
}

/** The tariff that the project names, else the smallest of whoever runs the server. */
export function tariffOf(
  { tariff }: Pick<Project, 'tariff'>,
  provider: string | undefined,
  tariffs: ReadonlyMap<string, Tariff>,
): StorageForecast['tariff'] {
  if (tariff) return { ...tariff, assumed: false }
  if (provider === undefined) return undefined
  const own = [...tariffs.values()].find((it) => it.provider === provider)
  return own && { ...own, assumed: true }
}

/** Decides what is told of storage. Pure. `adds`: bytes that are still to be copied, about; `runs`: the journal, newest first. */
export function forecastStorage({
  size,
  adds,
  tariff,
  runs,
}: {
  readonly size: StorageSize
  readonly adds: number
  readonly tariff: StorageForecast['tariff']
  readonly runs: readonly RunRecord[]
}): StorageForecast {
  const after = size.bytes + adds
  const growth = growthOf(size, runs)
  const full = fullOn({ after, growth, quota: tariff?.storage, at: size.at })
  return {
    now: size.bytes,
    after,
    ...(tariff ? { tariff } : {}),
    ...(growth === undefined ? {} : { growth }),
    ...(full === undefined ? {} : { full }),
    ...(tariff?.gbMonth === undefined ? {} : { monthly: monthlyOf(after, tariff) }),
  }
}

/**
 * By what the database had when a run ended. A run that copies makes a jump that is nobody's growth, so only moments since the last such
 * run count; less than a day says nothing about days.
 */
function growthOf(size: StorageSize, runs: readonly RunRecord[]): number | undefined {
  let oldest: StorageSize | undefined
  for (const { finishedAt, summary, command } of runs) {
    const at = finishedAt === undefined ? Number.NaN : Date.parse(finishedAt)
    if (size.at - at > LONGEST_MILLIS) break
    if (typeof summary?.storage === 'number' && Number.isFinite(at)) oldest = { bytes: summary.storage, at }
    if (COPYING.has(command)) break
  }
  if (!oldest || size.at - oldest.at < DAY_MILLIS) return undefined
  return ((size.bytes - oldest.bytes) * DAY_MILLIS) / (size.at - oldest.at)
}

const COPYING: ReadonlySet<string> = new Set(['apply', 'rollback', 'retry'])
const DAY_MILLIS = 86_400_000
const LONGEST_MILLIS = 60 * DAY_MILLIS
const FAR_DAYS = 3650

function fullOn({
  after,
  growth,
  quota,
  at,
}: {
  readonly after: number
  readonly growth: number | undefined
  readonly quota: number | undefined
  readonly at: number
}): string | undefined {
  if (quota === undefined || growth === undefined || growth <= 0 || after >= quota) return undefined
  const days = Math.floor((quota - after) / growth)
  return days > FAR_DAYS ? undefined : new Date(at + days * DAY_MILLIS).toISOString().slice(0, 10)
}

// What is beyond the part that comes with it; all of it where none does.
const monthlyOf = (bytes: number, { storage = 0, gbMonth = 0 }: Tariff): number =>
  (Math.max(0, bytes - storage) / 1e9) * gbMonth
