import { EXIT } from '../../errors.ts'
import type { Step } from '../../plan/step.ts'
import { columns, PLAIN } from '../../report/layout.ts'
import type { ApplyReport } from '../../report/report.ts'
import { counted, listed } from '../../report/wording.ts'
import { planRollback, rollback } from '../../runner/rollback.ts'
import type { StepRecord } from '../../state/ledger.ts'
import type { CommonOptions } from '../args.ts'
import { confirm } from '../confirm.ts'
import type { Io } from '../io.ts'
import { printReport } from '../print-report.ts'
import { createProgress } from '../progress.ts'
import { loadProject, plansNamed } from '../project.ts'
import { runStart } from '../run-start.ts'
import { withSession } from '../session.ts'

export interface RollbackOptions extends CommonOptions {
  readonly plans: readonly string[]
  readonly yes?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Takes phase A back: lists what would go, asks, then drops exactly that. The source is not touched. */
export async function run(options: RollbackOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const plans = plansNamed(project, options.plans)
  const names = plans.map((it) => it.name)
  return withSession({ project, options, io }, async (session) => {
    const { describeStep, EXECUTORS } = await import('../../catalog.ts')
    const what = (await session.ledger.installed())
      ? await planRollback(session, names)
      : { plans: names, steps: [] }
    const began = io.now()
    const report = (undone: readonly string[]): ApplyReport => ({
      kind: 'apply',
      project: project.file,
      ...(options.env === undefined ? {} : { environment: options.env }),
      target: session.target.label,
      command: 'rollback',
      phase: 'A',
      outcome: 'done',
      steps: what.steps
        .filter((it) => undone.includes(it.id))
        .map((it) => ({
          id: it.id,
          ...(it.plan === undefined ? {} : { plan: it.plan }),
          change: takenBack(it, describeStep),
          status: 'done',
          counts: {},
        })),
      gates: [],
      tables: [],
      accounts: [],
      quarantine: [],
      millis: io.now() - began,
      look: [],
    })
    if (what.steps.length > 0) {
      io.stderr.write(`${listOf(what.steps, describeStep)}\n`)
      const question = `Take back ${counted(what.steps.length, 'step')} of ${listed(names)} on ${session.target.label}? The source stays as it is.`
      if (!(await confirm(question, options.yes, io))) return EXIT.couldNot
    }
    const progress = await createProgress({ io, quiet: options.quiet, plans: names, describe: describeStep })
    const undone =
      what.steps.length === 0
        ? []
        : await rollback({
            session,
            what,
            plans,
            executors: EXECUTORS,
            run: runStart({ command: 'rollback', phase: 'A', plans: names, project }, io),
            listener: progress.listener,
          })
    await progress.finish()
    printReport(report(undone), options.json ? 'json' : 'text', io)
    return EXIT.done
  })
}

type Describe = (step: Step) => ApplyReport['steps'][number]['change']

const listOf = (steps: readonly StepRecord[], describe: Describe): string =>
  columns(
    steps.map((it) => {
      const { symbol, verb, subject, detail } = takenBack(it, describe)
      return [`${symbol} ${verb}`, subject, detail]
    }),
    PLAIN,
  ).join('\n')

/** The words of a step, turned around. */
function takenBack({ definition }: StepRecord, describe: Describe): ApplyReport['steps'][number]['change'] {
  const step = definition as Step
  const { verb, subject } = describe(step)
  return { symbol: '-', verb, subject, detail: MEANINGS[step.kind]?.(step) ?? 'forgotten' }
}

const MEANINGS: { readonly [K in Step['kind']]?: (step: Step) => string } = {
  table: (step) =>
    step.kind === 'table' && step.table.owner === 'schema' ? 'yours: stays as it is' : 'dropped',
  backfill: () => 'the rows that came from there go',
  index: () => 'dropped',
  foreign_key: () => 'dropped',
}
