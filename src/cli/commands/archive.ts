import { EXIT } from '../../errors.ts'
import type { Act } from '../../report/report.ts'
import { counted } from '../../report/wording.ts'
import { archivePlan } from '../../runner/archive.ts'
import type { CommonOptions } from '../args.ts'
import { createCounter } from '../counter.ts'
import type { Io } from '../io.ts'
import { phaseRun } from '../phase-run.ts'
import { loadProject, plansNamed } from '../project.ts'
import { withSession } from '../session.ts'

export interface ArchiveOptions extends CommonOptions {
  readonly plans: readonly string[]
  readonly to?: string | undefined
  readonly json?: boolean | undefined
}

/** Archives the source data of plans and reads the archives back. The source stays as it is. */
export async function run(options: ArchiveOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const plans = plansNamed(project, options.plans)
  return withSession({ project, options, io }, async (session) => {
    const counter = createCounter({ io, quiet: options.quiet, words: 'Archiving' })
    await phaseRun({ session, options, command: 'archive', plans }, io, async (context) => {
      const acts: Act[] = []
      for (const plan of plans) {
        const { folder, to, keys, unreadable, keepUntil } = await archivePlan(session, plan, context, {
          to: options.to,
          progress: counter.tell,
        })
        const left =
          unreadable > 0 ? `; ${counted(unreadable, 'key is', 'keys are')} of a type kvmig cannot read` : ''
        acts.push({
          plan: plan.name,
          status: 'done',
          verb: 'archive',
          detail: `${counted(keys, 'key')} in ${to}/${folder}, read back and verified; to be kept until ${keepUntil}${left}`,
        })
      }
      counter.finish()
      return { outcome: 'done', acts, next: 'kvmig restore FOLDER brings one back.' }
    })
    return EXIT.done
  })
}
