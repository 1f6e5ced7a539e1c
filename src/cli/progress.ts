import { KvmigError } from '../errors.ts'
import type { Change, Counts, Outcome } from '../executors/executor.ts'
import type { Step } from '../plan/step.ts'
import { printable, printableSentence } from '../printable.ts'
import { duration, number } from '../report/wording.ts'
import type { AppliedStep } from '../runner/apply.ts'
import type { Listener } from '../runner/events.ts'
import { isPause } from '../runner/paused.ts'
import type { Io } from './io.ts'
import { Remaining } from './remaining.ts'

/** Shows a run while it lasts, on stderr. Nothing depends on it. */
export interface Progress {
  readonly listener: Listener
  /** The run is over; `steps` tells what became of those that never said so themselves. */
  finish(steps?: readonly AppliedStep[]): Promise<void>
}

export interface ProgressOptions {
  readonly io: Io
  readonly quiet: boolean | undefined
  /** Names of the plans, in the order in which to show them. */
  readonly plans: readonly string[]
  /** Are there steps that belong to no plan? */
  readonly shared?: boolean
  readonly describe: (step: Step) => Change
}

/** Drawn where somebody is watching, else a line for each thing that happened; nothing when told to be quiet. */
export async function createProgress(options: ProgressOptions): Promise<Progress> {
  if (options.quiet) return { listener: () => {}, finish: async () => {} }
  if (!options.io.isTerminal) return createLines(options)
  const { createDrawing } = await import('./drawing.ts')
  return createDrawing(options)
}

/** A long copy says how far it came, at most every so often. */
const REMIND_MILLIS = 10_000

function createLines({ io, plans, describe }: ProgressOptions): Progress {
  const width = Math.max(...[...plans, 'project'].map((it) => it.length))
  const line = (plan: string | undefined, text: string) =>
    io.stderr.write(`${(plan ?? 'project').padEnd(width)}  ${text}\n`)
  const steps = new Map<string, { step: Step; told: number; remaining: Remaining }>()
  const told = new Set<string>()
  return {
    listener: (event) => {
      if (event.kind === 'started') {
        steps.set(event.step.id, { step: event.step, told: io.now(), remaining: new Remaining() })
      }
      if (event.kind === 'progress') {
        const known = steps.get(event.step)
        known?.remaining.tell(event.reached, io.now())
        if (!known || io.now() - known.told < REMIND_MILLIS) return
        known.told = io.now()
        const words = [`${showCounts(event.counts)} so far`, known.remaining.words()]
          .filter(Boolean)
          .join(', ')
        line(known.step.plan, `${title(describe(known.step))}: ${words}`)
      }
      if (event.kind === 'finished') {
        told.add(event.step.id)
        line(
          event.step.plan,
          `${title(describe(event.step))}: ${showOutcome(event.outcome)} (${duration(event.millis)})`,
        )
      }
      if (event.kind === 'undone') {
        const [plan, , ...words] = event.step.split('/')
        line(plan, `${words.join(' ')}: taken back`)
      }
      if (event.kind === 'note') io.stderr.write(`${printable(event.message)}\n`)
    },
    finish: async (results = []) => {
      for (const { step, status, error } of results) {
        if ((status === 'failed' || status === 'paused') && !told.has(step.id))
          line(step.plan, `${title(describe(step))}: ${showError(error)}`)
        if (status === 'skipped') line(step.plan, `${title(describe(step))}: skipped`)
      }
    },
  }
}

/** `backfill vibe:messages ► messages` */
export const title = ({ verb, subject }: Change): string => `${verb} ${printable(subject)}`.trim()

/** What a step did, in a few words. */
function showOutcome(outcome: Outcome): string {
  if (outcome.status === 'failed') return showError(outcome.error)
  if (outcome.status === 'done') return showCounts(outcome.counts) || 'done'
  const shut = outcome.findings.filter((it) => it.status !== 'pass').map((it) => it.check)
  return outcome.status === 'opened' ? 'open' : `closed (${shut.join(', ')})`
}

/** `1,203 inserted, 3 rejected`; empty where nothing was counted. */
export const showCounts = (counts: Counts): string =>
  Object.entries(counts)
    .filter(([name, count]) => count > 0 && name !== 'keys')
    .map(([name, count]) => (name === 'tables' ? 'created' : `${number(count)} ${name}`))
    .join(', ')

const showError = (error: Error | undefined): string =>
  error instanceof KvmigError
    ? `${isPause(error) ? 'stopped' : 'failed'}: ${error.code}  ${printableSentence(error.message)}`
    : 'failed'
