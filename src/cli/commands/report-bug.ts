import { EXIT } from '../../errors.ts'
import type { CommonOptions } from '../args.ts'
import type { Io } from '../io.ts'
import { noteBug } from '../note-bug.ts'
import { loadProject, plansNamed } from '../project.ts'
import { withSession } from '../session.ts'

export interface ReportBugOptions extends CommonOptions {
  readonly plan: string
  readonly note: string
  readonly severity: string
}

/** Counts a bug that somebody noticed, for the check `reports`. */
export async function run(options: ReportBugOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const [plan] = plansNamed(project, [options.plan])
  const { severity, note } = options
  return withSession({ project, options, io }, async ({ ledger, target }) => {
    await ledger.install()
    const day = await noteBug(target, { plan: plan!.name, severity, note })
    io.stdout.write(`Noted for ${plan!.name}: ${day} in the last 24 hours.\n`)
    return EXIT.done
  })
}
