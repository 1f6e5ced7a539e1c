import { EXIT } from '../../errors.ts'
import { printable } from '../../printable.ts'
import { counted, listed } from '../../report/wording.ts'
import { runStart } from '../../runner/run-start.ts'
import { type Swept, sweep } from '../../runner/sweep.ts'
import type { CommonOptions } from '../args.ts'
import type { Io } from '../io.ts'
import { loadProject, plansNamed } from '../project.ts'
import { withSession } from '../session.ts'

export interface SweepOptions extends CommonOptions {
  readonly plans: readonly string[]
  readonly batch?: number | undefined
  readonly json?: boolean | undefined
}

const BATCH_ROWS = 10_000

/** Deletes rows that have expired and makes the partitions that are due. For a scheduler: nothing to do is exit 0. */
export async function run(options: SweepOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const plans = plansNamed(project, options.plans)
  const names = plans.map((it) => it.name)
  return withSession({ project, options, io }, async (session) => {
    const swept = await sweep({
      session,
      plans,
      run: runStart({ command: 'sweep', plans: names, project }, io.env),
      batchRows: options.batch ?? BATCH_ROWS,
    })
    io.stdout.write(
      options.json ? `${JSON.stringify({ kind: 'sweep', tables: swept }, null, 2)}\n` : text(swept),
    )
    return EXIT.done
  })
}

function text(swept: readonly Swept[]): string {
  if (swept.length === 0) return 'Sweep: no table of these plans has an expiry or partitions.\n'
  const width = Math.max(...swept.map((it) => printable(it.table).length))
  const lines = swept.map((it) => `${printable(it.table).padEnd(width)}  ${tableText(it)}\n`)
  const rows = swept.reduce((sum, it) => sum + it.rows, 0)
  const made = swept.reduce((sum, it) => sum + it.made.length, 0)
  return `${lines.join('')}Sweep: ${counted(rows, 'expired row')} deleted, ${counted(made, 'partition')} made.\n`
}

function tableText({ rows, batches, made, blocked, absent }: Swept): string {
  if (absent) return 'not there yet: kvmig apply makes it'
  const parts = [
    rows > 0 && `${counted(rows, 'expired row')} deleted in ${counted(batches, 'batch', 'batches')}`,
    made.length > 0 && `made ${listed(made)}`,
    blocked.length > 0 &&
      `could not make ${listed(blocked)}: the default partition has rows of that time, which have to be moved out of it first`,
  ].filter((it) => it !== false)
  return parts.length > 0 ? parts.join('; ') : 'nothing to do'
}
