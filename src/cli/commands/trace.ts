import { EXIT, KvmigError } from '../../errors.ts'
import { type KeyTrace, traceKey } from '../../runner/trace-key.ts'
import type { CommonOptions } from '../args.ts'
import type { Io } from '../io.ts'
import { readKey } from '../key.ts'
import { printReport } from '../print-report.ts'
import { loadProject } from '../project.ts'
import { createTraceReport } from '../reports/trace-report.ts'
import { withSession } from '../session.ts'

export interface TraceOptions extends CommonOptions {
  readonly key: string
  readonly json?: boolean | undefined
}

/** Follows one key from the source through the rules to its rows. Changes nothing. */
export async function run(options: TraceOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const key = readKey(options.key)
  return withSession({ project, options, io }, async (session, meter) => {
    const traces: { trace: KeyTrace; bytes: number }[] = []
    for (const source of usedSources(project.plans.map((it) => it.source))) {
      const before = meter.bytes
      const trace = await traceKey(session, source, key)
      traces.push({ trace, bytes: meter.bytes - before })
    }
    const found = traces.filter(
      ({ trace }) => trace.type !== undefined || trace.quarantine.length > 0 || trace.left.length > 0,
    )
    // A key that no source has is told once.
    for (const { trace, bytes } of found.length > 0 ? found : traces.slice(0, 1)) {
      const report = createTraceReport({ session, trace, bytes, project, environment: options.env })
      printReport(report, options.json ? 'json' : 'text', io)
    }
    return EXIT.done
  })
}

function usedSources(names: readonly string[]): readonly string[] {
  if (names.length === 0) throw new KvmigError('PLANS_MISSING', 'The project has no plans yet.')
  return [...new Set(names)]
}
