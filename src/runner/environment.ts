import { KvmigError } from '../errors.ts'
import type { Environment, Project } from '../plan/plan.ts'

/** What an environment of the project replaces; undefined where none is asked for. Throws ENVIRONMENT_UNKNOWN. */
export function environmentOf(project: Project, name: string | undefined): Environment | undefined {
  if (name === undefined) return undefined
  const found = project.environments.get(name)
  if (found) return found
  const known = [...project.environments.keys()].sort().join(', ') || 'none'
  throw new KvmigError(
    'ENVIRONMENT_UNKNOWN',
    `There is no environment "${name}" in ${project.file}. It names: ${known}.`,
  )
}
