/** What a trigger saw at one moment, by the clock of the database. `missing`: it could not be measured, or there was too little to judge by. */
export interface Observation {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly status: 'pass' | 'fail' | 'missing'
}

/** How long a trigger has to fail, and what a hole in the data means. */
export interface Patience {
  /** Milliseconds of failing without a pass in between; 0: the first failure fires. */
  readonly forMillis: number
  /**
   * `hold`: the clock stands still while nobody knows. `fail`: not knowing is as bad as failing. `pass`: it is as good as passing.
   */
  readonly missing: 'hold' | 'fail' | 'pass'
  /** Two observations further apart than this have a hole between them. */
  readonly gapMillis: number
}

/**
 * `quiet`: all is well. `failing`: not for long enough yet. `fired`: it is. `blind`: nothing was known for longer than the trigger is
 * patient, and `missing` is `hold`: whoever relies on it has to be told. Milliseconds are those that count as failing.
 */
export type Verdict =
  | { readonly state: 'quiet' }
  | { readonly state: 'failing' | 'fired'; readonly since: number; readonly failingMillis: number }
  | { readonly state: 'blind'; readonly since: number }

/**
 * Judges the observations of a trigger, oldest first, as seen at `now`. Pure. Failing time is the time between failures that follow each
 * other; a single pass takes it back to nothing, so that what comes and goes does not fire.
 */
export function sustained(observations: readonly Observation[], patience: Patience, now: number): Verdict {
  const { forMillis, gapMillis } = patience
  const known = observations.filter((it) => it.at <= now).flatMap((it) => judged(it, patience) ?? [])
  const failures = lastRun(known)
  const [first] = failures
  if (first) {
    const failingMillis = failures
      .slice(1)
      .reduce((sum, it, index) => sum + counted(failures[index]!, it, observations, patience), 0)
    const state = failingMillis >= forMillis ? 'fired' : 'failing'
    const last = failures.at(-1)!
    // A failure that nobody has confirmed since is no reason to act now.
    if (state === 'fired' && now - last.at <= Math.max(gapMillis, forMillis))
      return { state, since: first.at, failingMillis }
    if (state === 'failing' && !isBlind(last.at, now, patience))
      return { state, since: first.at, failingMillis }
  }
  const last = known.at(-1)
  const seen = last?.at ?? observations[0]?.at
  if (patience.missing === 'hold' && seen !== undefined && isBlind(seen, now, patience))
    return { state: 'blind', since: seen }
  return { state: 'quiet' }
}

const isBlind = (seen: number, now: number, { forMillis, gapMillis }: Patience): boolean =>
  now - seen > Math.max(forMillis, gapMillis)

function judged({ at, status }: Observation, { missing }: Patience): Known | undefined {
  if (status !== 'missing') return { at, status }
  return missing === 'hold' ? undefined : { at, status: missing }
}

interface Known {
  readonly at: number
  readonly status: 'pass' | 'fail'
}

function lastRun(known: readonly Known[]): readonly Known[] {
  const pass = known.findLastIndex((it) => it.status === 'pass')
  return known.slice(pass + 1)
}

// With `hold` the clock stands still over a hole; otherwise what the hole means was said.
function counted(
  before: Known,
  after: Known,
  observations: readonly Observation[],
  { missing, gapMillis }: Patience,
): number {
  const millis = after.at - before.at
  if (missing !== 'hold') return millis
  const hole = observations.some((it) => it.status === 'missing' && it.at > before.at && it.at < after.at)
  return hole || millis > gapMillis ? 0 : millis
}
