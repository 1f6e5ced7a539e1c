import { hasErrors } from '../diagnostic.ts'
import { type Compilation, compile } from '../plan/compile.ts'
import type { Project } from '../plan/plan.ts'
import { PlanMistakes } from './plan-mistakes.ts'
import { plansNamed } from './project.ts'

/** The graph of a project's steps; of some plans and what they need, where plans are named. Throws `PlanMistakes`. */
export function compileProject(project: Project, plans: readonly string[]): Compilation {
  plansNamed(project, plans)
  const compilation = compile(project, { plans })
  if (hasErrors(compilation.diagnostics)) throw new PlanMistakes(compilation.diagnostics)
  return compilation
}
