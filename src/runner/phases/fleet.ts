import { setTimeout as sleep } from 'node:timers/promises'
import { fleet, laggards, type SeenInstance } from '../../state/instances.ts'
import type { Target } from '../../target/target.ts'

/** Which instances use a plan, and which of them have not confirmed its route. */
export interface Fleet {
  readonly instances: readonly SeenInstance[]
  readonly laggards: readonly SeenInstance[]
  /** How many there have to be; undefined: nobody said, or the store's credential was changed instead. */
  readonly expect: number | undefined
}

/** How long somebody waits for instances. */
export interface Patience {
  readonly waitMillis: number
  /** Hears once who is waited for, in words, where it takes longer than instances need that are well. */
  readonly waiting?: ((who: string) => void) | undefined
}

const LOOK_MILLIS = 50
/** Instances look every second. */
const USUAL_MILLIS = 2_000

/** The instances that use a plan, as they are. */
export async function lookAtFleet(
  target: Target,
  plan: string,
  { epoch, expect }: { readonly epoch: number; readonly expect: number | undefined },
): Promise<Fleet> {
  const instances = (await fleet(target)).filter((it) => it.epochs.has(plan))
  return { instances, laggards: laggards(instances, plan, epoch), expect }
}

/** Has every instance confirmed, and are there as many as there should be? */
export const isConfirmed = ({ instances, laggards: late, expect }: Fleet): boolean =>
  late.length === 0 && instances.length >= (expect ?? 0)

/** Waits until every instance has confirmed, for so long at most; gives the fleet as it is then. */
export async function waitForFleet(
  target: Target,
  plan: string,
  options: Patience & {
    readonly epoch: number
    readonly expect: number | undefined
    readonly signal: AbortSignal
  },
): Promise<Fleet> {
  const began = performance.now()
  let isTold = false
  for (;;) {
    const seen = await lookAtFleet(target, plan, options)
    const millis = performance.now() - began
    if (isConfirmed(seen) || millis >= options.waitMillis) return seen
    if (!isTold && millis >= USUAL_MILLIS) {
      options.waiting?.(showFleet(seen, options.epoch))
      isTold = true
    }
    await sleep(LOOK_MILLIS, undefined, { signal: options.signal })
  }
}

/** In words: `3 instances have confirmed epoch 4`, or who has not. */
export function showFleet({ instances, laggards: late, expect }: Fleet, epoch: number): string {
  const count = `${instances.length} ${instances.length === 1 ? 'instance' : 'instances'}`
  if (late.length > 0) {
    const named = late.slice(0, 10).map((it) => `${it.id} on ${it.host}`)
    return `${named.join(', ')}${late.length > 10 ? ` and ${late.length - 10} more` : ''} of ${count} ${late.length === 1 ? 'has' : 'have'} not confirmed epoch ${epoch}`
  }
  if (instances.length < (expect ?? 0)) return `${count} of ${expect} have confirmed epoch ${epoch}`
  return `${count} ${instances.length === 1 ? 'has' : 'have'} confirmed epoch ${epoch}`
}
