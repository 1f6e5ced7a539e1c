import type { Finding } from '../../checks/check.ts'
import { FATES, type Fates } from '../../checks/survey.ts'
import { KvmigError } from '../../errors.ts'
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

/** What is said instead of deleting on the word of such a store. */
export const shrunk = (
  plan: string,
  { keys, before, gone, store }: { keys: number; before: number; gone: number; store: string },
): KvmigError =>
  new KvmigError(
    'FUSE',
    `${store} has ${number(keys)} keys, and had ${number(before)} when ${plan} was copied. Before ${gone === 1 ? 'a row is' : `${number(gone)} rows are`} deleted on its word, somebody has to look; nothing was changed.`,
    {
      hint: `Was the source emptied or restored, or is it another one? If it is right: --confirm-deletes=${gone}.`,
      exitCode: 3,
    },
  )

const number = (it: number): string => it.toLocaleString('en-US')
