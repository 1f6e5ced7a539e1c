import { EXIT } from '../../errors.ts'
import { resume } from '../../state/watching.ts'
import type { CommonOptions } from '../args.ts'
import type { Io } from '../io.ts'
import { loadProject, plansNamed } from '../project.ts'
import { withSession } from '../session.ts'

export interface ResumeOptions extends CommonOptions {
  readonly plan: string
}

/** Lets a paused plan go on. */
export async function run(options: ResumeOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const [plan] = plansNamed(project, [options.plan])
  return withSession({ project, options, io }, async ({ ledger, target }) => {
    const was = (await ledger.installed()) && (await target.transaction((tx) => resume(tx, plan!.name)))
    io.stdout.write(was ? `${plan!.name} may go on.\n` : `${plan!.name} was not paused.\n`)
    return EXIT.done
  })
}
