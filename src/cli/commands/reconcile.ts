import { resolve } from 'node:path'
import { EXIT, KvmigError } from '../../errors.ts'
import { mappingsOf, type Plan } from '../../plan/plan.ts'
import { showTable } from '../../plan/table.ts'
import { printable } from '../../printable.ts'
import type { Act } from '../../report/report.ts'
import { counted, listed } from '../../report/wording.ts'
import { reconcile, type Settled, unitNameOf } from '../../runner/converge/reconcile.ts'
import { placeOf } from '../../runner/converge/suspects.ts'
import type { CommonOptions } from '../args.ts'
import { createCounter } from '../counter.ts'
import { readText } from '../files.ts'
import type { Io } from '../io.ts'
import { phaseRun } from '../phase-run.ts'
import { loadProject, plansNamed } from '../project.ts'
import { withSession } from '../session.ts'

export interface ReconcileOptions extends CommonOptions {
  readonly plans: readonly string[]
  /** What `kvmig diff --out` wrote. */
  readonly from?: string | undefined
  readonly adopt?: boolean | undefined
  /** The source lost its data, and it is the right one. */
  readonly emptied?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Compares both stores of plans in B or C and repairs what differs; Postgres decides. Exit 3 if differences are left. */
export async function run(options: ReconcileOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  if (options.emptied && options.adopt)
    throw new KvmigError('USAGE', 'Of a store that lost its data nothing is taken over.', {
      hint: 'Leave one of --emptied and --adopt out.',
    })
  const listedThere = options.from === undefined ? undefined : readList(resolve(io.cwd, options.from))
  return withSession({ project, options, io }, async (session) => {
    const routes = await session.ledger.routes()
    const plans = plansNamed(project, options.plans).flatMap((plan) => {
      const route = routes.get(plan.name)
      if (route && !route.rollout && (route.phase === 'B' || route.phase === 'C')) return [{ plan, route }]
      if (options.plans.length === 0) return []
      throw new KvmigError(
        'PHASE_ORDER',
        `Plan ${plan.name} is not dual-written, so there is nothing to reconcile.`,
        {
          hint: 'In phase A kvmig apply --phase=A --again takes over what has changed; kvmig apply --phase=B catches up.',
        },
      )
    })
    const counter = createCounter({ io, quiet: options.quiet, words: 'Comparing' })
    const work = await phaseRun(
      { session, options, command: 'reconcile', plans: plans.map((it) => it.plan) },
      io,
      async (context) => {
        const acts: Act[] = []
        const settled = await reconcile(session, context, {
          plans: plans.map(({ plan, route }) => ({
            plan,
            route,
            ...(listedThere ? { only: placesOf(plan, listedThere) } : {}),
          })),
          adopt: options.adopt ?? false,
          emptied: options.emptied ?? false,
          progress: counter.tell,
        }).finally(counter.finish)
        for (const [plan, it] of settled)
          acts.push({
            plan,
            status: it.left > 0 ? 'failed' : 'done',
            verb: 'reconcile',
            detail: show(it),
          })
        const isLeft = acts.some((it) => it.status === 'failed')
        return {
          outcome: isLeft ? 'closed' : 'done',
          acts,
          ...(isLeft
            ? { next: 'kvmig diff --out FILE lists what is left; kvmig trace KEY explains one.' }
            : {}),
        }
      },
    )
    return work.outcome === 'closed' ? EXIT.gateClosed : EXIT.done
  })
}

function show({
  compared,
  drained,
  repaired,
  adopted,
  waiting,
  foreign,
  beyond,
  left,
  last,
}: Settled): string {
  const samples = last.suspects
    .slice(0, 3)
    .map(({ place }) => printable(`${place.key.toString()} ${place.part}`.trim(), 60))
  const parts = [
    `${counted(compared, 'row')} compared`,
    drained > 0 && `${counted(drained, 'change')} carried over`,
    repaired > 0 && `${counted(repaired, 'record')} repaired in the source`,
    adopted > 0 && `${counted(adopted, 'record')} taken over from the source`,
    waiting > 0 && `${counted(waiting, 'record is', 'records are')} on their way`,
    foreign > 0 &&
      `${counted(foreign, 'record is', 'records are')} in the source alone (--adopt takes them over)`,
    beyond > 0 && `${counted(beyond, 'record has', 'records have')} no way back to the source`,
    left > 0
      ? `${counted(left, 'difference is', 'differences are')} left: ${listed(samples)}`
      : 'no difference is left',
  ]
  return parts.filter(Boolean).join(', ')
}

interface Listed {
  readonly table: string
  readonly key: Buffer
  readonly part: string
}

function readList(file: string): readonly Listed[] {
  return readText(file)
    .split('\n')
    .flatMap((line, index) => {
      if (line.trim() === '') return []
      const { table, key, part } = parse(line) ?? {}
      if (typeof table !== 'string' || typeof part !== 'string')
        throw new KvmigError(
          'FILE_READ',
          `${file}:${index + 1}: this line is none that kvmig diff --out writes.`,
        )
      // A row whose record cannot be told has no key: there is nothing to repair it by.
      return typeof key === 'string' ? [{ table, key: Buffer.from(key, 'base64'), part }] : []
    })
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const placesOf = (plan: Plan, list: readonly Listed[]): ReadonlySet<string> =>
  new Set(
    mappingsOf(plan).flatMap(({ name, into }) =>
      list
        .filter((it) => it.table === showTable(into))
        .map(({ key, part }) => unitNameOf(placeOf(plan, name, key, part))),
    ),
  )
