import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT } from '../../errors.ts'
import type { Compilation } from '../../plan/compile.ts'
import type { LaterStatus } from '../../report/report.ts'
import { staysInA } from '../../runner/phases/dual-write.ts'
import type { Session } from '../../runner/session.ts'
import type { Route } from '../../state/ledger.ts'
import { pauses } from '../../state/watching.ts'
import type { CommonOptions } from '../args.ts'
import { compileProject } from '../compile.ts'
import { goneTables } from '../gone-tables.ts'
import type { Io } from '../io.ts'
import { laterStatus } from '../later-status.ts'
import { printReport } from '../print-report.ts'
import { loadProject } from '../project.ts'
import { countQuarantine } from '../quarantine.ts'
import { createStatusReport } from '../reports/status-report.ts'
import { withSession } from '../session.ts'
import { pendingOf } from '../standing.ts'

export interface StatusOptions extends CommonOptions {
  readonly watch?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Where every plan stands, by what the target remembers. Opens no source. */
export async function run(options: StatusOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const compiled = compileProject(project, [])
  return withSession({ project, options, io }, async (session) => {
    for (;;) {
      await show(session, { compiled, options, io })
      if (!options.watch) return EXIT.done
      await sleep(EVERY_MILLIS, undefined, { signal: session.signal })
      if (io.stdout.isTTY) io.stdout.write(CLEAR)
    }
  })
}

const EVERY_MILLIS = 2_000
/** Takes what is on the terminal away, and begins at its top. */
const CLEAR = '\u001b[2J\u001b[H'

async function show(
  session: Session,
  {
    compiled,
    options,
    io,
  }: { readonly compiled: Compilation; readonly options: StatusOptions; readonly io: Io },
): Promise<void> {
  const { project, ledger, target } = session
  const installed = await ledger.installed()
  const plans = compiled.waves.map((it) => it.plan)
  const gates = await Promise.all(
    plans.map(async ({ name }) => [name, installed ? await ledger.findings(name) : []] as const),
  )
  const routes = installed ? await ledger.routes() : new Map<string, Route>()
  const later = new Map<string, LaterStatus>()
  for (const plan of plans) {
    const route = routes.get(plan.name)
    if (route && route.phase !== 'A') later.set(plan.name, await laterStatus(session, plan, route))
  }
  const standing = await pendingOf(session, compiled)
  const paused = await pauses(target)
  const report = createStatusReport({
    project: project.file,
    environment: options.env,
    target: target.label,
    installed,
    compiled,
    standing,
    gone: await goneTables(session, standing),
    routes,
    later,
    stays: new Map(
      plans.flatMap((plan) => {
        const why = staysInA(session, plan)
        return why === undefined ? [] : [[plan.name, why] as const]
      }),
    ),
    paused,
    quarantine: await countQuarantine(session, plans),
    gates: new Map(gates),
    lease: installed ? await ledger.lease.current() : undefined,
    run: installed ? (await ledger.runs(1))[0] : undefined,
  })
  printReport(report, options.json ? 'json' : 'text', io)
}
