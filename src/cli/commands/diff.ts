import { closeSync, openSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Difference } from '../../checks/differences.ts'
import { EXIT } from '../../errors.ts'
import type { DiffReport } from '../../report/report.ts'
import { liveSurveys } from '../../runner/converge/live-surveys.ts'
import { Surveys } from '../../runner/surveys.ts'
import type { CommonOptions } from '../args.ts'
import { createCounter } from '../counter.ts'
import { writeText } from '../files.ts'
import type { Io } from '../io.ts'
import { printReport } from '../print-report.ts'
import { loadProject, plansNamed } from '../project.ts'
import { withSession } from '../session.ts'

export interface DiffOptions extends CommonOptions {
  readonly plans: readonly string[]
  readonly out?: string | undefined
  readonly fast?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Compares every row that the source gives with the row that is there, and finds rows that nothing gives. Exit 3 where they differ. */
export async function run(options: DiffOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const plans = plansNamed(project, options.plans)
  return withSession({ project, options, io }, async (session) => {
    const list = options.out === undefined ? undefined : openList(resolve(io.cwd, options.out))
    const counter = createCounter({ io, quiet: options.quiet, words: 'Comparing' })
    const request = {
      compare: true,
      signal: session.signal,
      progress: counter.tell,
      ...(list ? { onDifference: list.add } : {}),
    }
    const began = io.now()
    const routes = await session.ledger.routes()
    // Two stores that are written one after the other differ at any moment: only what stays counts.
    const isLive = plans.some((it) => ['B', 'C'].includes(routes.get(it.name)?.phase ?? 'A'))
    const compared = isLive
      ? liveSurveys(session, plans, request)
      : new Surveys(session, plans, request).all()
    const surveys = await compared.finally(() => {
      counter.finish()
      list?.close()
    })
    const report: DiffReport = {
      kind: 'diff',
      project: project.file,
      ...(options.env === undefined ? {} : { environment: options.env }),
      target: session.target.label,
      millis: io.now() - began,
      plans: plans.map((plan) => {
        const { fates, tables } = surveys.find((it) => it.source === plan.source)!.plans.get(plan.name)!
        const keys = Object.values(fates).reduce((sum, it) => sum + it, 0)
        return { plan: plan.name, file: plan.file, keys, fates, tables }
      }),
    }
    printReport(report, options.json ? 'json' : 'text', io)
    const differs = report.plans
      .flatMap((it) => it.tables)
      .some((it) => it.missing.count + it.different.count + it.extra.count > 0)
    return differs ? EXIT.gateClosed : EXIT.done
  })
}

/** One JSON line a difference: table, kind, key (base64, since keys are bytes) and part; never a value. */
function openList(file: string): {
  readonly add: (difference: Difference) => void
  readonly close: () => void
} {
  writeText(file, '')
  const handle = openSync(file, 'w')
  return {
    add: ({ table, kind, key, part }) =>
      writeSync(
        handle,
        `${JSON.stringify({ table, kind, ...(key ? { key: key.toString('base64'), text: key.toString('utf8') } : {}), part })}\n`,
      ),
    close: () => closeSync(handle),
  }
}
