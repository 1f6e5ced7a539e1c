import { KvmigError } from '../../errors.ts'
import type { Plan } from '../../plan/plan.ts'

/** How it is known that no instance is left that writes the source only. */
export type Rollout = { readonly expect: number } | { readonly rotated: true }

/**
 * An instance that writes the source only cannot be seen. So the rollout window of phase B ends when as many instances have confirmed as
 * there are (`fleet: { expect: 3 }` in a gate of the plan, or `--expect`), or when the credential of the source was changed, so that old
 * ones cannot write. Throws FLEET_UNKNOWN where nobody said.
 */
export function expectedOf(
  plan: Plan,
  { expect, rotated }: { readonly expect: number | undefined; readonly rotated: boolean | undefined },
): Rollout {
  if (rotated) return { rotated: true }
  const asked = [...plan.gates.values()].flat().find((it) => it.check === 'fleet' && 'expect' in it.options)
  const count = expect ?? (asked?.options.expect as number | undefined)
  if (count !== undefined) return { expect: count }
  throw new KvmigError(
    'FLEET_UNKNOWN',
    `Nobody said how many instances of the application write the data of ${plan.name}, and one that does not use kvmig/runtime yet cannot be seen.`,
    {
      hint: 'Write fleet: { expect: 3 } into gate C of the plan, or say --expect 3; or change the credential of the source and say --credential-rotated.',
    },
  )
}
