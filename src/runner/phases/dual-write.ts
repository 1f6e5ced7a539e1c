import { dualWriteObstacles } from '../../mapping/dual-write-obstacle.ts'
import type { Plan } from '../../plan/plan.ts'
import type { Session } from '../session.ts'

/** What of a plan the application cannot write to both sides, by its mappings and by its store; `all`: nothing is left that it could. */
export const obstaclesOf = (
  session: Pick<Session, 'compiled' | 'canBeLive'>,
  plan: Plan,
): { readonly of: readonly string[]; readonly all: boolean } =>
  session.canBeLive(plan.source) === false
    ? { of: [`source ${plan.source} is only read, so nobody could write both sides`], all: true }
    : dualWriteObstacles(plan, session.compiled)

/** Why a plan goes no further than phase A; undefined: it can. */
export function staysInA(session: Pick<Session, 'compiled' | 'canBeLive'>, plan: Plan): string | undefined {
  const { of, all } = obstaclesOf(session, plan)
  return all ? of.join('; ') : undefined
}
