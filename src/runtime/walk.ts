import type { Act, Answer, Ending, Step } from './protocol.ts'

/** What the steps of one procedure are carried out by. */
export interface Doer {
  /** Does what a step does, at one instant, and says how it ended. */
  perform(step: Step): Promise<Ending>
  /** Finds out whether a step that was lost took place. `lost`: nobody could say. */
  ask(step: Step): Promise<Exclude<Ending, 'fenced'>>
  /** Looks up the route anew; `over`: the side of this step is not written any more, so the step is left out. */
  refresh(step: Step): Promise<'go on' | 'over'>
}

/** A place in the program where tests stop, cut or kill it. */
export type Probe = (point: `${'before' | 'after'}.${Step['name']}`) => void | Promise<void>

/** Walks through the steps of a procedure as its table says, and gives the answer it ends with; `again`: choose the procedure anew. */
export async function walk(
  steps: readonly Step[],
  { perform, ask, refresh }: Doer,
  probe: Probe | undefined,
): Promise<Answer | 'again'> {
  let retries = 0
  for (let index = 0; ; ) {
    const step = steps[index]
    // The last step of a table answers; a step that is left out may have been the last.
    if (!step) return 'done'
    await probe?.(`before.${step.name}`)
    const ending = await perform(step)
    await probe?.(`after.${step.name}`)
    let next = step.on[ending]
    if (next === 'ask') {
      const asked = await ask(step)
      next = asked === 'lost' ? 'unknown' : step.on[asked]
    }
    if (next === 'next') index += 1
    else if (next === 'retry') {
      // A route that keeps changing under a write is somebody playing with it: the outbox has the change.
      if (++retries > MOST_RETRIES) return 'pending'
      if ((await refresh(step)) === 'over') index += 1
    } else if (next === 'ask') throw new Error(`step ${step.name} does not say what follows from its outcome`)
    else return next
  }
}

const MOST_RETRIES = 5

export const does = (step: Step, act: Act): boolean => step.does.includes(act)
