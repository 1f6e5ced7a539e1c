import { KvmigError } from '../../errors.ts'
import type { Phase, Project } from '../../plan/plan.ts'
import { resolveAddress } from '../../runner/address.ts'
import { environmentOf } from '../../runner/environment.ts'

/**
 * From phase B on the application writes the target while kvmig looks at it, and an embedded Postgres is open in one process at a time. Told
 * before anything is opened, since the application may have it. Throws TARGET_EMBEDDED.
 */
export function requireServer(
  project: Project,
  environment: string | undefined,
  {
    phase,
    variables,
  }: { readonly phase: Phase; readonly variables: Readonly<Record<string, string | undefined>> },
): void {
  const address = environmentOf(project, environment)?.target ?? project.target
  if (!resolveAddress(address, variables).startsWith('pglite:')) return
  throw new KvmigError(
    'TARGET_EMBEDDED',
    `The target is an embedded Postgres, which one process at a time has open: in phase ${phase} the application and kvmig would both have to.`,
    {
      hint: 'Phase A, diff and rebuild work with it. For the later phases name a server: target: postgres://…, and begin there with kvmig apply --phase=A.',
    },
  )
}
