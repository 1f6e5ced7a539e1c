import type { Difference } from '../checks/differences.ts'
import { makeSurvey } from '../checks/make-survey.ts'
import type { Fate, Survey } from '../checks/survey.ts'
import type { Plan } from '../plan/plan.ts'
import { rereadOf } from './reread.ts'
import type { Session } from './session.ts'

/** One survey for each source that the plans read, made when first asked for and then kept. */
export class Surveys {
  readonly #session: Session
  readonly #plans: readonly Plan[]
  readonly #options: SurveysOptions
  readonly #made = new Map<string, Promise<Survey>>()

  constructor(session: Session, plans: readonly Plan[], options: SurveysOptions) {
    this.#session = session
    this.#plans = plans
    this.#options = options
  }

  of(source: string): Promise<Survey> {
    const made = this.#made.get(source) ?? this.#make(source)
    this.#made.set(source, made)
    return made
  }

  async all(): Promise<readonly Survey[]> {
    const sources = [...new Set(this.#plans.map((it) => it.source))]
    return Promise.all(sources.map((it) => this.of(it)))
  }

  async #make(sourceName: string): Promise<Survey> {
    const { target, ledger, compiled } = this.#session
    const { compare, share, signal, atMost, progress, onDifference, onFate } = this.#options
    const [row] = await target.transaction((tx) =>
      tx.query('SELECT (extract(epoch FROM now()) * 1000)::int8 AS now'),
    )
    const reread = rereadOf(this.#session, signal)
    return makeSurvey({
      sourceName,
      source: await this.#session.source(sourceName),
      compiled,
      plans: this.#plans.filter((it) => it.source === sourceName),
      ...(compare
        ? { comparison: { target, ledger, reread, ...(onDifference ? { onDifference } : {}) } }
        : {}),
      ...(share === undefined ? {} : { share }),
      now: Number(row?.now),
      signal,
      ...(atMost === undefined ? {} : { atMost }),
      ...(onFate ? { onFate } : {}),
      ...(progress ? { progress } : {}),
    })
  }
}

export interface SurveysOptions {
  /** With the target's rows, or only the source? */
  readonly compare: boolean
  /** Compare only this share of the records. */
  readonly share?: number
  readonly signal: AbortSignal
  readonly atMost?: number
  /** Told every key and its fate. */
  readonly onFate?: (key: Buffer, fate: Fate, plan: string | undefined) => void
  readonly onDifference?: (difference: Difference) => void
  readonly progress?: (keys: number) => void
}
