import { EXIT, KvmigError } from '../errors.ts'
import { compile } from '../plan/compile.ts'
import type { Project } from '../plan/plan.ts'
import { type Pause, pauses } from '../state/watching.ts'
import type { Target } from '../target/target.ts'
import type { Session } from './session.ts'

/** Plans that were asked for and stay where they are, each with the paused plan that keeps it: itself, or one that it needs. */
export interface Held {
  readonly plan: string
  readonly by: string
  readonly pause: Pause
}

/** Which of the plans that were asked for (all, where none is named) may go on, and which are held by `kvmig pause`. */
export async function holdPaused(
  { ledger, project, target }: Session,
  names: readonly string[],
): Promise<{ readonly going: readonly string[]; readonly held: readonly Held[] }> {
  const asked = names.length > 0 ? names : project.plans.map((it) => it.name)
  const paused: ReadonlyMap<string, Pause> = (await ledger.installed()) ? await pauses(target) : new Map()
  if (paused.size === 0) return { going: asked, held: [] }
  const held = asked.flatMap((plan): readonly Held[] => {
    const by = needs(project, plan).find((it) => paused.has(it))
    return by === undefined ? [] : [{ plan, by, pause: paused.get(by)! }]
  })
  const kept = new Set(held.map((it) => it.plan))
  return { going: asked.filter((it) => !kept.has(it)), held }
}

// Itself first: that it is paused says more than that another one is.
const needs = (project: Project, plan: string): readonly string[] => [
  plan,
  ...compile(project, { plans: [plan] }).waves.map((it) => it.plan.name),
]

/** For whoever asks why a plan does not go on. */
export const pauseSentence = (plan: string, { because, at }: Pause): string =>
  `Paused since ${at}: ${because}. kvmig resume ${plan} lets it go on.`

/** What is said where a plan is paused, and nothing is left to do without it. */
export const pausedError = (plan: string, { because, at }: Pause): KvmigError =>
  new KvmigError('PAUSED', `Plan ${plan} is paused since ${at}: ${because}`, {
    hint: `What is done stays done. kvmig resume ${plan}, then apply again: it goes on where it is.`,
    exitCode: EXIT.notYet,
  })

export const isPause = (error: unknown): boolean => error instanceof KvmigError && error.code === 'PAUSED'

/** Looks every second, until it is closed, whether somebody has paused a plan of the run that is under way. */
export class PauseWatch {
  readonly #target: Target
  readonly #everyMillis: number
  #paused: ReadonlyMap<string, Pause> = new Map()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(target: Target, everyMillis = 1_000) {
    this.#target = target
    this.#everyMillis = everyMillis
    this.#lookLater()
  }

  /** Throws PAUSED where one of these plans is paused. */
  require(plans: readonly (string | undefined)[]): void {
    for (const plan of plans) {
      const pause = plan === undefined ? undefined : this.#paused.get(plan)
      if (pause) throw pausedError(plan!, pause)
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #lookLater(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      // A target that does not answer is noticed by the work itself.
      void pauses(this.#target)
        .then((it) => {
          this.#paused = it
        })
        .catch(() => {})
        .finally(() => this.#lookLater())
    }, this.#everyMillis)
    this.#timer.unref()
  }
}
