import { dualWriteObstacle } from '../../mapping/dual-write-obstacle.ts'
import { mappingsOf, type Plan } from '../../plan/plan.ts'
import type { Session } from '../session.ts'

/** What of a plan the application cannot write to both sides, mapping by mapping; `all`: nothing is left that it could. */
export function dualWriteObstacles(
  session: Pick<Session, 'compiled' | 'canBeLive'>,
  plan: Plan,
): { readonly of: readonly string[]; readonly all: boolean } {
  const { compiled } = session
  if (session.canBeLive(plan.source) === false)
    return { of: [`source ${plan.source} is only read, so nobody could write both sides`], all: true }
  const mappings = mappingsOf(plan)
  const of = mappings.flatMap((it) => {
    const why = dualWriteObstacle(compiled.mapping(plan.name, it.name), compiled)
    return why === undefined ? [] : [`${it.match.source} cannot be written to both sides: ${why}`]
  })
  return { of, all: of.length === mappings.length && of.length > 0 }
}

/** Why a plan goes no further than phase A; undefined: it can. */
export function staysInA(session: Pick<Session, 'compiled' | 'canBeLive'>, plan: Plan): string | undefined {
  const { of, all } = dualWriteObstacles(session, plan)
  return all ? of.join('; ') : undefined
}
