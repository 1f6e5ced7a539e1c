import { EXIT, KvmigError } from '../../errors.ts'
import { inJournal } from '../../runner/run.ts'
import { runStart } from '../../runner/run-start.ts'
import type { LeaseInfo } from '../../state/ledger.ts'
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
  return withSession({ project, options, io }, async (session) => {
    const { ledger } = session
    const lease = (await ledger.installed()) ? await ledger.lease.current() : undefined
    if (lease?.id !== options.id) throw unknown(options.id, lease)
    await inJournal(session, runStart({ command: 'unlock', plans: [], project }, io.env), async () => {
      if (!(await ledger.lease.unlock(options.id))) throw unknown(options.id, undefined)
      return { result: undefined, outcome: 'done', summary: { holder: lease.holder, since: lease.since } }
    })
    io.stdout.write(
      `Took the lease from ${lease.holder}, who had it since ${lease.since}. If that run is alive after all, it stops at its next step.\n`,
    )
    return EXIT.done
  })
}

const unknown = (id: string, held: LeaseInfo | undefined): KvmigError =>
  new KvmigError('LEASE_UNKNOWN', `There is no lease ${id}.`, {
    hint: held
      ? `The one that is held is ${held.id}, by ${held.holder} since ${held.since}.`
      : 'Nobody holds one: apply can go ahead.',
  })
