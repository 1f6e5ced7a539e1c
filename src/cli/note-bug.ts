import { KvmigError } from '../errors.ts'
import { countBugs, reportBug } from '../state/watching.ts'
import type { Target } from '../target/target.ts'

/** A bug that somebody noticed. `severity` is one word. */
export interface Bug {
  readonly plan: string
  readonly severity: string
  readonly note: string
}

const DAY_MILLIS = 86_400_000
const LONGEST = 1000

/** Counts a bug for the check `reports`; gives how many of the plan there were in the last 24 hours. Throws USAGE. */
export async function noteBug(target: Target, { plan, severity, note }: Bug): Promise<number> {
  if (!/^[a-z][a-z0-9_-]{0,30}$/i.test(severity))
    throw new KvmigError('USAGE', 'A severity is one word.', { hint: 'Such as minor, major or critical.' })
  await target.transaction((tx) =>
    reportBug(tx, plan, { severity: severity.toLowerCase(), note: note.slice(0, LONGEST) }),
  )
  return [...(await countBugs(target, plan, DAY_MILLIS)).values()].reduce((sum, it) => sum + it, 0)
}
