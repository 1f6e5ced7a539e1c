import { EXIT } from '../../errors.ts'
import type { CommonOptions } from '../args.ts'
import { compileProject } from '../compile.ts'
import { goneTables } from '../gone-tables.ts'
import type { Io } from '../io.ts'
import { printReport } from '../print-report.ts'
import { loadProject } from '../project.ts'
import { countQuarantine } from '../quarantine.ts'
import { createStatusReport } from '../reports/status-report.ts'
import { withSession } from '../session.ts'
import { pendingOf } from '../standing.ts'

export interface StatusOptions extends CommonOptions {
  readonly json?: boolean | undefined
}

/** Where every plan stands, by what the target remembers. Opens no source. */
export async function run(options: StatusOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const compiled = compileProject(project, [])
  return withSession({ project, options, io }, async (session) => {
    const { ledger, target } = session
    const installed = await ledger.installed()
    const plans = compiled.waves.map((it) => it.plan)
    const gates = await Promise.all(
      plans.map(async ({ name }) => [name, installed ? await ledger.findings(name) : []] as const),
    )
    const standing = await pendingOf(session, compiled)
    const report = createStatusReport({
      project: project.file,
      environment: options.env,
      target: target.label,
      installed,
      compiled,
      standing,
      gone: await goneTables(session, standing),
      routes: installed ? await ledger.routes() : new Map(),
      quarantine: await countQuarantine(session, plans),
      gates: new Map(gates),
      lease: installed ? await ledger.lease.current() : undefined,
      run: installed ? (await ledger.runs(1))[0] : undefined,
    })
    printReport(report, options.json ? 'json' : 'text', io)
    return EXIT.done
  })
}
