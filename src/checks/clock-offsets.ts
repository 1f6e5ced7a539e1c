import type { Source } from '../sources/source.ts'
import type { Target } from '../target/target.ts'

/** How far one clock is ahead of another (less than 0: behind it), and by how much that may be wrong. Milliseconds. */
export interface Offset {
  readonly millis: number
  readonly give: number
}

/** Asked so often, and the quickest answer counts: it can be wrong by half its way there and back. */
const TIMES = 3

/** How far clocks are ahead of the database's: this machine's, and those of the source's servers that are furthest off, if it has any. */
export async function clockOffsets(
  target: Target,
  source: Pick<Source, 'clocks'> | undefined,
  now: () => number,
): Promise<{ readonly machine: Offset; readonly source: Offset | undefined }> {
  const began = { wall: now(), steady: performance.now() }
  // Should the machine's clock be set meanwhile, all is measured by the same one.
  const machineNow = (): number => began.wall + performance.now() - began.steady
  const database = await target.transaction(
    (tx) =>
      quickest(machineNow, async () => {
        const [row] = await tx.query('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now')
        return [Number(row!.now)]
      }),
    { readOnly: true },
  )
  const store = source?.clocks && (await quickest(machineNow, () => source.clocks!()))
  return {
    machine: { millis: -database.millis, give: database.give },
    source: store && { millis: store.millis - database.millis, give: store.give + database.give },
  }
}

/** Ahead of this machine: of several servers the one that is furthest off. */
async function quickest(machineNow: () => number, ask: () => Promise<readonly number[]>): Promise<Offset> {
  let best: Offset | undefined
  for (let time = 0; time < TIMES; time++) {
    const from = machineNow()
    const told = await ask()
    const until = machineNow()
    const offsets = told.map((it) => it - (from + until) / 2)
    const millis = offsets.reduce((worst, it) => (Math.abs(it) > Math.abs(worst) ? it : worst), 0)
    const give = (until - from) / 2
    if (!best || give < best.give) best = { millis, give }
  }
  return best!
}

/** `is 3.2 s ahead of that one`, `agrees with that one`. */
export function showOffset({ millis }: Pick<Offset, 'millis'>, whose: string): string {
  const seconds = (Math.abs(millis) / 1000).toFixed(1)
  if (seconds === '0.0') return `agrees with ${whose}`
  return `is ${seconds} s ${millis < 0 ? 'behind' : 'ahead of'} ${whose}`
}

/** Is it more than allowed, for certain? */
export const isBeyond = ({ millis, give }: Offset, allowed: number): boolean =>
  Math.abs(millis) - give > allowed
