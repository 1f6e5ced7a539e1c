import { didYouMean } from '../../diagnostic.ts'
import { EXIT, KvmigError } from '../../errors.ts'
import { counted } from '../../report/wording.ts'
import { inJournal } from '../../runner/run.ts'
import { runStart } from '../../runner/run-start.ts'
import { REJECT_CODES, type RejectCode } from '../../value.ts'
import type { CommonOptions } from '../args.ts'
import type { Io } from '../io.ts'
import { readKey } from '../key.ts'
import { loadProject, plansNamed } from '../project.ts'
import { withSession } from '../session.ts'

export interface AcceptOptions extends CommonOptions {
  readonly plan: string
  readonly code?: string | undefined
  readonly key?: string | undefined
  readonly because: string
}

/** Marks quarantined records of a plan as accepted, with the reason, in the ledger. */
export async function run(options: AcceptOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const [plan] = plansNamed(project, [options.plan])
  if (options.because.trim() === '') {
    throw new KvmigError('USAGE', 'A reason is wanted.', { hint: 'Say why it is right: --because "..."' })
  }
  const filter = {
    plan: plan!.name,
    ...(options.code === undefined ? {} : { code: readCode(options.code) }),
    ...(options.key === undefined ? {} : { key: readKey(options.key) }),
  }
  return withSession({ project, options, io }, async (session) => {
    const { ledger, target } = session
    if (!(await ledger.installed())) throw nothing(plan!.name)
    const start = runStart({ command: 'accept', plans: [plan!.name], project }, io.env)
    const accepted = await inJournal(session, start, async () => {
      const result = await target.transaction((tx) => ledger.quarantine.accept(tx, filter, options.because))
      if (result === 0) throw nothing(plan!.name)
      return { result, outcome: 'done', summary: { accepted: result } }
    })
    io.stdout.write(
      `Accepted ${counted(accepted, 'record')} of ${plan!.name}. They stay in the source; kvmig check asks the gate again.\n`,
    )
    return EXIT.done
  })
}

function readCode(text: string): RejectCode {
  const code = REJECT_CODES.find((it) => it === text.toUpperCase())
  if (code) return code
  const meant = didYouMean(text, REJECT_CODES)
  throw new KvmigError('USAGE', `There is no reason "${text}".${meant ? ` Did you mean ${meant}?` : ''}`, {
    hint: 'kvmig status shows the reasons that are there, kvmig explain all that exist.',
  })
}

const nothing = (plan: string): KvmigError =>
  new KvmigError('NOTHING_TO_ACCEPT', `No open record of ${plan} in the quarantine fits.`, {
    hint: 'kvmig status shows what is there.',
  })
