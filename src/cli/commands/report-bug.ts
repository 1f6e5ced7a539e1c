import { EXIT, KvmigError } from '../../errors.ts'
import { countBugs, reportBug } from '../../state/watching.ts'
import type { CommonOptions } from '../args.ts'
import type { Io } from '../io.ts'
import { loadProject, plansNamed } from '../project.ts'
import { withSession } from '../session.ts'

export interface ReportBugOptions extends CommonOptions {
  readonly plan: string
  readonly note: string
  readonly severity: string
}

const DAY_MILLIS = 86_400_000

/** Counts a bug that somebody noticed, for the check `reports`. */
export async function run(options: ReportBugOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const [plan] = plansNamed(project, [options.plan])
  const { severity, note } = options
  if (!/^[a-z][a-z0-9_-]{0,30}$/i.test(severity))
    throw new KvmigError('USAGE', 'A severity is one word.', { hint: 'Such as minor, major or critical.' })
  return withSession({ project, options, io }, async ({ ledger, target }) => {
    await ledger.install()
    await target.transaction((tx) =>
      reportBug(tx, plan!.name, { severity: severity.toLowerCase(), note: note.slice(0, 1000) }),
    )
    const day = [...(await countBugs(target, plan!.name, DAY_MILLIS)).values()].reduce(
      (sum, it) => sum + it,
      0,
    )
    io.stdout.write(`Noted for ${plan!.name}: ${day} in the last 24 hours.\n`)
    return EXIT.done
  })
}
