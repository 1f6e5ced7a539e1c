import { EXIT, KvmigError } from '../../errors.ts'
import { pause } from '../../state/watching.ts'
import type { CommonOptions } from '../args.ts'
import type { Io } from '../io.ts'
import { loadProject, plansNamed } from '../project.ts'
import { withSession } from '../session.ts'

export interface PauseOptions extends CommonOptions {
  readonly plan: string
  readonly because: string
}

/** Keeps a plan where it is, with the reason, until `kvmig resume`. */
export async function run(options: PauseOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const [plan] = plansNamed(project, [options.plan])
  if (options.because.trim() === '')
    throw new KvmigError('USAGE', 'A reason is wanted.', { hint: 'Say why: --because "..."' })
  return withSession({ project, options, io }, async ({ ledger, target }) => {
    await ledger.install()
    await target.transaction((tx) => pause(tx, plan!.name, options.because))
    io.stdout.write(`Paused ${plan!.name}. kvmig resume ${plan!.name} lets it go on.\n`)
    return EXIT.done
  })
}
