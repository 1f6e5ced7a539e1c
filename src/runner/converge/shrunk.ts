import type { Finding } from '../../checks/check.ts'
import { FATES, type Fates } from '../../checks/survey.ts'
import type { Ledger } from '../../state/ledger.ts'

/** Keys of the application: what the rules ignore, and what dual-write keeps beside them, comes and goes. */
export const keysOf = (fates: Fates): number => FATES.reduce((sum, it) => sum + fates[it], 0) - fates.ignored

/** A store that has lost more than this share of its keys since the copy was emptied, or is another one (H59). */
const SHARE = 0.1

/** `before`: undefined where nobody counted. */
export const hasShrunk = (keys: number, before: number | undefined): boolean =>
  before !== undefined && keys < before * (1 - SHARE)

/** The most keys that gate B of a plan has counted in its source since the plan was copied; undefined: never. */
export async function keysBefore(
  ledger: Pick<Ledger, 'findings' | 'steps'>,
  plan: string,
): Promise<number | undefined> {
  const copied = [...(await ledger.steps()).values()]
    .filter((it) => it.plan === plan && it.kind === 'backfill')
    .reduce((last, it) => Math.max(last, Date.parse(it.at ?? '')), 0)
  const counts = (await ledger.findings(plan))
    .filter(({ gate, at }) => gate === 'B' && Date.parse(at) >= copied)
    .flatMap(({ findings }) => findings as readonly Finding[])
    .flatMap(({ check, data }) => {
      const fates = check === 'coverage' ? (data?.fates as Fates | undefined) : undefined
      return fates ? [keysOf(fates)] : []
    })
  return counts.length > 0 ? Math.max(...counts) : undefined
}
