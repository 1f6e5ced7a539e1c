import { DefaultRenderer, Listr, ListrLogger, ProcessOutput } from 'listr2'
import type { Counts, Outcome } from '../executors/executor.ts'
import type { Step } from '../plan/step.ts'
import { printable } from '../printable.ts'
import { counted, duration, number } from '../report/wording.ts'
import type { RunEvent } from '../runner/events.ts'
import { isPause } from '../runner/paused.ts'
import type { Output } from './io.ts'
import { type Progress, type ProgressOptions, showCounts, title } from './progress.ts'
import { Remaining } from './remaining.ts'

/** A line for each plan, alive while the plan is worked on. The walk owns the order of things; listr2 only draws. */
export function createDrawing({ io, plans, shared, describe }: ProgressOptions): Progress {
  const names = shared ? ['project', ...plans] : plans
  const width = Math.max(...names.map((it) => it.length))
  const rows = new Map(names.map((plan) => [plan, new PlanLine(plan.padEnd(width))]))
  const of = (step: Step) => rows.get(step.plan ?? 'project')
  const notes: string[] = []
  const list = new Listr(
    [...rows.values()].map((row) => ({ title: row.title(), task: (_, task) => row.attach(task) })),
    {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false,
      renderer: StderrRenderer,
      rendererOptions: {
        collapseErrors: false,
        showErrorMessage: false,
        formatOutput: 'truncate',
        logger: new ListrLogger({
          useIcons: true,
          toStderr: [],
          processOutput: new ProcessOutput(asStream(io.stderr), asStream(SILENT)),
        }),
      },
    },
  )
  const drawn = list.run()
  const redraw = () => {
    for (const row of rows.values()) row.update(io.signal.aborted)
  }
  io.signal.addEventListener('abort', redraw)
  return {
    listener: (event) => {
      if (event.kind === 'started') of(event.step)?.start(event.step, title(describe(event.step)))
      if (event.kind === 'progress') for (const row of rows.values()) row.progress(event, io.now())
      if (event.kind === 'finished') of(event.step)?.end(event.step.id, event.outcome, event.millis)
      if (event.kind === 'skipped') of(event.step)?.skip()
      if (event.kind === 'undone') rows.get(event.step.split('/')[0]!)?.takeBack()
      if (event.kind === 'note') notes.push(printable(event.message))
      redraw()
    },
    finish: async (steps = []) => {
      io.signal.removeEventListener('abort', redraw)
      for (const { step, status } of steps) if (status === 'failed') of(step)?.fail()
      for (const row of rows.values()) row.close()
      await drawn
      for (const note of notes) io.stderr.write(`${note}\n`)
    },
  }
}

// listr2 looks at process.stdout to decide whether it may draw, and draws there; kvmig's stdout is for data.
class StderrRenderer extends DefaultRenderer {
  static override nonTTY = true
}

const SILENT: Output = { write: () => true }

// What log-update and listr2 use of a stream: write, columns, isTTY.
const asStream = (output: Output): NodeJS.WriteStream =>
  ({
    write: (text: string) => output.write(text),
    isTTY: output.isTTY,
    get columns() {
      return output.columns
    },
  }) as NodeJS.WriteStream

/** What a task of listr2 is used for. */
interface Titled {
  title?: string
}

class PlanLine {
  readonly #name: string
  readonly #running = new Map<string, { title: string; counts: Counts; remaining: Remaining }>()
  readonly #sum: Record<string, number> = {}
  #steps = 0
  #skipped = 0
  #undone = 0
  #millis = 0
  #gate: string | undefined
  #failed = false
  #paused = false
  #over = false
  #task: Titled | undefined
  readonly #closed: Promise<void>
  #resolve: () => void = () => {}

  constructor(name: string) {
    this.#name = name
    this.#closed = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  /** Called by listr2 once it draws, which may be after the run is over. Lasts until `close`; throws where the plan failed. */
  async attach(task: Titled): Promise<void> {
    this.#task = task
    this.update(false)
    await this.#closed
    if (this.#failed) throw new Error(this.title())
  }

  start(step: Step, words: string): void {
    this.#running.set(step.id, { title: words, counts: {}, remaining: new Remaining() })
  }

  progress({ step, counts, reached }: Extract<RunEvent, { kind: 'progress' }>, now: number): void {
    const running = this.#running.get(step)
    if (!running) return
    running.counts = counts
    running.remaining.tell(reached, now)
  }

  end(step: string, outcome: Outcome, millis: number): void {
    this.#running.delete(step)
    this.#steps += 1
    this.#millis += millis
    if (outcome.status === 'opened' || outcome.status === 'closed') this.#gate = outcome.status
    if (outcome.status === 'failed') {
      if (isPause(outcome.error)) this.#paused = true
      else this.#failed = true
    }
    if ('counts' in outcome) {
      for (const [name, value] of Object.entries(outcome.counts ?? {}))
        this.#sum[name] = (this.#sum[name] ?? 0) + value
    }
  }

  skip(): void {
    this.#skipped += 1
  }

  fail(): void {
    this.#failed = true
  }

  takeBack(): void {
    this.#undone += 1
  }

  update(stopping: boolean): void {
    if (this.#task) this.#task.title = this.title(stopping)
  }

  title(stopping = false): string {
    const [first, ...others] = this.#running.values()
    if (!first) return `${this.#name}  ${this.#summary() || (this.#over ? 'nothing to do' : 'waiting')}`
    const words = [showCounts(first.counts), first.remaining.words()].filter(Boolean).join(', ')
    return [
      `${this.#name}  ${first.title}`,
      words && `: ${words}`,
      others.length > 0 && ` (and ${others.length} more)`,
      stopping && ', stopping',
    ]
      .filter(Boolean)
      .join('')
  }

  close(): void {
    this.#over = true
    this.#running.clear()
    this.update(false)
    this.#resolve()
  }

  #summary(): string {
    const words = [
      this.#undone > 0 && `${number(this.#undone)} taken back`,
      this.#steps > 0 && counted(this.#steps, 'step'),
      showCounts({ ...this.#sum, tables: 0 }),
      this.#gate && `gate ${this.#gate === 'opened' ? 'open' : 'closed'}`,
      this.#skipped > 0 && `${number(this.#skipped)} skipped`,
      this.#failed && 'failed',
      this.#paused && 'paused',
      this.#steps > 0 && duration(this.#millis),
    ].filter(Boolean)
    return words.join(', ')
  }
}
