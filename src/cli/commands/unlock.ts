import { EXIT, KvmigError } from '../../errors.ts'
import type { CommonOptions } from '../args.ts'
import type { Io } from '../io.ts'
import { loadProject } from '../project.ts'
import { withSession } from '../session.ts'

export interface UnlockOptions extends CommonOptions {
  readonly id: string
}

/** Takes the lease away by its id, so that nobody frees one that somebody else has taken since. */
export async function run(options: UnlockOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  return withSession({ project, options, io }, async ({ ledger }) => {
    const lease = (await ledger.installed()) ? await ledger.lease.current() : undefined
    if (lease?.id !== options.id || !(await ledger.lease.unlock(options.id))) {
      throw new KvmigError('LEASE_UNKNOWN', `There is no lease ${options.id}.`, {
        hint: lease
          ? `The one that is held is ${lease.id}, by ${lease.holder} since ${lease.since}.`
          : 'Nobody holds one: apply can go ahead.',
      })
    }
    io.stdout.write(
      `Took the lease from ${lease.holder}, who had it since ${lease.since}. If that run is alive after all, it stops at its next step.\n`,
    )
    return EXIT.done
  })
}
