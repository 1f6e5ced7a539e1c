import { EXIT } from '../../errors.ts'
import { listed } from '../../report/wording.ts'
import type { CommonOptions } from '../args.ts'
import { confirm } from '../confirm.ts'
import type { Io } from '../io.ts'
import { loadProject } from '../project.ts'
import { withSession } from '../session.ts'

export interface UninstallOptions extends CommonOptions {
  readonly yes?: boolean | undefined
}

/** Drops schema kvmig. While plans are applied that is a loss, so it says of what and asks. */
export async function run(options: UninstallOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  return withSession({ project, options, io }, async ({ ledger, target }) => {
    if (!(await ledger.installed())) {
      io.stdout.write(`There is no schema kvmig on ${target.label}: nothing to do.\n`)
      return EXIT.done
    }
    const applied = [...(await ledger.routes()).keys()].sort()
    const consequence =
      applied.length === 0
        ? 'No plan is applied.'
        : `${listed(applied)} ${applied.length === 1 ? 'is' : 'are'} applied: the tables stay, but kvmig forgets that it made them, so rollback, retry and diff will not know them and a later apply refuses to take them over.`
    const question = `Drop schema kvmig on ${target.label}? ${consequence}`
    if (!(await confirm(question, options.yes, io))) return EXIT.couldNot

    const lease = await ledger.lease.acquire('uninstall')
    // The lease lies in the schema that goes.
    await ledger.uninstall().finally(() => lease.release().catch(() => {}))
    io.stdout.write(`Dropped schema kvmig on ${target.label}. Your tables are as they were.\n`)
    return EXIT.done
  })
}
