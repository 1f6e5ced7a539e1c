import { EXIT } from '../../errors.ts'
import type { TestReport } from '../../report/report.ts'
import type { CommonOptions } from '../args.ts'
import { compileProject } from '../compile.ts'
import { runExamples } from '../examples/run-examples.ts'
import type { Io } from '../io.ts'
import { printReport } from '../print-report.ts'
import { loadProject, plansNamed } from '../project.ts'

export interface TestOptions extends CommonOptions {
  readonly plans: readonly string[]
  readonly json?: boolean | undefined
}

/** Runs the examples of plans: through the mapping, and into an embedded Postgres, which has the last word on types and constraints. */
export async function run(options: TestOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const plans = plansNamed(project, options.plans)
  const { graph } = compileProject(project, options.plans)
  const report: TestReport = {
    kind: 'test',
    project: project.file,
    ...(options.env === undefined ? {} : { environment: options.env }),
    target: 'an embedded Postgres',
    examples: await runExamples({ project, plans, graph, signal: io.signal }),
  }
  printReport(report, options.json ? 'json' : 'text', io)
  return report.examples.every((it) => it.status === 'pass') ? EXIT.done : EXIT.couldNot
}
