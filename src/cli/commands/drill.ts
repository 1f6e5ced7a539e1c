import { EXIT, KvmigError } from '../../errors.ts'
import type { Act } from '../../report/report.ts'
import { counted, listed } from '../../report/wording.ts'
import { drill } from '../../runner/phases/drill.ts'
import { showFleet } from '../../runner/phases/fleet.ts'
import type { CommonOptions } from '../args.ts'
import { confirm } from '../confirm.ts'
import type { Io } from '../io.ts'
import { phaseRun } from '../phase-run.ts'
import { loadProject, plansNamed } from '../project.ts'
import { withSession } from '../session.ts'

export interface DrillOptions extends CommonOptions {
  readonly plans: readonly string[]
  readonly wait?: number | undefined
  readonly yes?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Rehearses the way back with the plans themselves: the application reads from the other store for a moment. */
export async function run(options: DrillOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  return withSession({ project, options, io }, async (session) => {
    const routes = await session.ledger.routes()
    const plans = plansNamed(project, options.plans).flatMap((plan) => {
      const route = routes.get(plan.name)
      const isReady = route && !route.rollout && (route.phase === 'B' || route.phase === 'C')
      if (isReady) return [{ plan, route }]
      if (options.plans.length === 0) return []
      throw new KvmigError(
        'PHASE_ORDER',
        `Plan ${plan.name} is not in phase B or C, so there is no way back to rehearse.`,
        {
          hint: `kvmig apply --phase=B ${plan.name} comes first.`,
        },
      )
    })
    const names = listed(plans.map(({ plan }) => plan.name))
    const question = `Rehearse the way back with ${names || 'nothing'}? The application reads from the other store for a moment.`
    if (plans.length > 0 && !(await confirm(question, options.yes, io))) return EXIT.couldNot
    const work = await phaseRun(
      { session, options, command: 'drill', plans: plans.map((it) => it.plan) },
      io,
      async (context) => {
        const acts: Act[] = []
        for (const { plan, route } of plans) {
          const it = await drill(session, context, { plan, route, waitMillis: (options.wait ?? 30) * 1000 })
          const rows = (it.there?.compared ?? 0) + (it.after?.compared ?? 0)
          const left = (it.there?.left ?? 0) + (it.after?.left ?? 0)
          acts.push({
            plan: plan.name,
            status: it.state === 'done' ? 'done' : it.state === 'stuck' ? 'waiting' : 'failed',
            verb: 'drill',
            detail:
              it.state === 'stuck'
                ? `${showFleet(it.fleet, it.route.epoch)}; the plan is back in phase ${it.route.phase}`
                : `there and back to phase ${it.route.phase}; the way back took ${(it.backMillis / 1000).toFixed(1)} s; ${counted(rows, 'row')} compared, ${counted(left, 'difference')}`,
          })
        }
        const has = (status: Act['status']) => acts.some((it) => it.status === status)
        const outcome = has('failed') ? 'closed' : has('waiting') ? 'waiting' : 'done'
        return { outcome, acts, ...(has('failed') ? { next: 'kvmig reconcile repairs what differs.' } : {}) }
      },
    )
    return work.outcome === 'closed' ? EXIT.gateClosed : work.outcome === 'waiting' ? EXIT.notYet : EXIT.done
  })
}
