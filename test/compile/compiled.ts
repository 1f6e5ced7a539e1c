import { expect } from 'vitest'
import { renderText } from '../../src/graph/render.ts'
import { compile } from '../../src/plan/compile.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { projectOf } from './project.ts'

export const textOf = (plans: readonly Plan[], only?: readonly string[]) => {
  const { graph, diagnostics } = compile(projectOf(plans), only && { plans: only })
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
  return renderText(graph)
}
export const wavesOf = (plans: readonly Plan[]) =>
  compile(projectOf(plans)).waves.map(({ plan, wave }) => `${wave} ${plan.name}`)
export const comesAfter = (plans: readonly Plan[], id: string) =>
  compile(projectOf(plans)).graph.get(id)?.after
export const problems = (plans: readonly Plan[], only?: readonly string[]) =>
  compile(projectOf(plans), only && { plans: only }).diagnostics.map(
    ({ code, message, hint }) => `${code} ${message}${hint ? ` ${hint}` : ''}`,
  )
