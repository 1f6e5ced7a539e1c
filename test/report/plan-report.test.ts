import { describe, expect, test } from 'vitest'
import { compile } from '../../src/plan/compile.ts'
import type { Step } from '../../src/plan/step.ts'
import { standing } from '../../src/plan/step-state.ts'
import { createPlanReport } from '../../src/report/plan-report.ts'
import { text } from '../../src/report/text.ts'
import { doneSteps } from '../compile/done.ts'
import { at, checkOf, gateOf, planOf, projectOf, simplePlan, tableOf } from '../compile/project.ts'

const describeStep = (step: Step) => ({
  symbol: step.kind === 'gate' ? ('?' as const) : ('+' as const),
  verb: step.kind,
  subject: step.kind === 'gate' ? step.opens : step.id.split('/').at(-1)!,
  detail: step.kind === 'gate' ? step.checks.map(({ check }) => check).join(', ') : '',
})
const address = (name: string | undefined) => name ?? 'postgres'

const messages = simplePlan('messages', ['users'], { gates: gateOf(checkOf('row_count')) })
const vectors = planOf('vectors', { tables: [tableOf('vectors', { id: 'vector(3)' })] })
const project = projectOf([messages, simplePlan('users'), vectors])

describe('createPlanReport', () => {
  test('puts each step under its plan, what is shared first, and says who needed a plan', () => {
    const compiled = compile(project, { plans: ['messages', 'vectors'] })
    expect(text(createPlanReport({ project, compiled, describe: describeStep, address }))).toBe(
      `Shared
  A   + extension    vector

plans/users.yaml  users  kv ► postgres  wave 1, needed by messages

  A   + table        users
      + backfill     users
      + analyze      users

plans/vectors.yaml  vectors  kv ► postgres  wave 1

  A   + table        vectors
  ──  gate B

plans/messages.yaml  messages  kv ► postgres  wave 2

  A   + table        messages
      + backfill     messages
      + analyze      messages
      + foreign_key  messages_users_id_fkey
      + validate     messages_users_id_fkey
  ──  gate B         row_count

Plan: 10 steps, 2 gates. Nothing has been changed. Next: kvmig apply --phase=A
`,
    )
  })

  test('shows what an edit means for what was applied', () => {
    const records = doneSteps(compile(project).graph)
    const where = { cel: 'has(r.id)', at: at() }
    const edited = projectOf([
      { ...messages, rules: messages.rules.map((rule) => ({ ...rule, where })) },
      simplePlan('users'),
      vectors,
    ])
    const compiled = compile(edited)
    const plans = new Set(compiled.waves.map(({ plan }) => plan.name))
    const { states } = standing({ graph: compiled.graph, records, plans, whole: true, tracked: () => false })
    const report = createPlanReport({ project: edited, compiled, states, describe: describeStep, address })
    const left = report.plans
      .flatMap(({ steps }) => steps)
      .filter(({ kind, state }) => kind !== 'gate' && state !== 'done')
    expect(left.map(({ id, state, because }) => [id, state, because])).toEqual([
      ['messages/A/backfill/messages', 'changed', undefined],
      ['messages/A/analyze/messages', 'again', 'messages/A/backfill/messages'],
      ['messages/A/foreign_key/messages_users_id_fkey', 'again', 'messages/A/backfill/messages'],
      [
        'messages/A/validate/messages_users_id_fkey',
        'again',
        'messages/A/foreign_key/messages_users_id_fkey',
      ],
    ])
    expect(text(report)).toContain('Plan: 4 steps to do, 6 done, 3 gates. Nothing has been changed.')
  })

  test('carries the compiler’s diagnostics', () => {
    const broken = projectOf([simplePlan('a', [], { after: ['nobody'] })])
    const report = createPlanReport({
      project: broken,
      compiled: compile(broken),
      describe: describeStep,
      address,
    })
    expect(text(report)).toBe(
      `plans/a.yaml:2:1  KV100  The plan "a" comes after "nobody", which is not a plan of this project.

Plan: 1 error. Nothing has been changed. Mend the plan and run kvmig plan again.
`,
    )
  })
})
