import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ancestors } from '../../src/graph/reach.ts'
import { renderText } from '../../src/graph/render.ts'
import { compile } from '../../src/plan/compile.ts'
import { fingerprints, planHash } from '../../src/plan/fingerprint.ts'
import type { Project } from '../../src/plan/plan.ts'
import { type Step, type StepKind, tableOf } from '../../src/plan/step.ts'
import { sameTable, type TableName } from '../../src/plan/table.ts'
import { randomProject, shuffled } from './random-project.ts'

function compiled(project: Project, plans?: readonly string[]) {
  const { graph, diagnostics, waves } = compile(project, plans && { plans })
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
  const before = ancestors(graph)
  const steps = graph.vertices.map(({ data }) => data)
  const about = (table: TableName, ...kinds: StepKind[]) =>
    steps.filter((it) => kinds.includes(it.kind) && tableOf(it) && sameTable(tableOf(it)!, table))
  const comesAfter = (step: Step, others: readonly Step[]) => {
    for (const other of others) if (other !== step) expect([...before.get(step.id)!]).toContain(other.id)
  }
  return { graph, waves, steps, about, comesAfter }
}

describe('whatever the project', () => {
  test('each step comes after what it needs', () => {
    fc.assert(
      fc.property(randomProject, (project) => {
        const { steps, about, comesAfter } = compiled(project)
        for (const step of steps) {
          if (step.kind === 'backfill') {
            comesAfter(step, about(step.table.name, 'table'))
            if (step.table.owner === 'schema') {
              for (const { to } of step.table.references) comesAfter(step, about(to, 'backfill'))
            }
          }
          if (step.kind === 'index') comesAfter(step, about(step.table, 'table', 'backfill'))
          if (step.kind === 'analyze') comesAfter(step, about(step.table, 'index', 'backfill'))
          if (step.kind === 'foreign_key') {
            comesAfter(step, about(step.table, 'table', 'backfill', 'index'))
            comesAfter(step, about(step.reference.to, 'table', 'backfill', 'index'))
          }
          if (step.kind === 'validate') comesAfter(step, about(step.table, 'foreign_key'))
          if (step.kind === 'gate')
            comesAfter(
              step,
              steps.filter((it) => it.plan === step.plan),
            )
        }
      }),
    )
  })

  test('every mapping has its backfill, and every reference of a plan’s table its constraint, once', () => {
    fc.assert(
      fc.property(randomProject, (project) => {
        const { steps } = compiled(project)
        const count = (kind: StepKind) => steps.filter((it) => it.kind === kind).length
        const owned = project.plans.flatMap(({ tables }) => tables.filter(({ owner }) => owner === 'plan'))
        expect(count('backfill')).toBe(project.plans.flatMap(({ rules }) => rules).length)
        expect(count('foreign_key')).toBe(owned.flatMap(({ references }) => references).length)
        expect(count('validate')).toBe(count('foreign_key'))
        expect(count('index')).toBe(owned.flatMap(({ indexes }) => indexes).length)
        expect(count('gate')).toBe(project.plans.length)
      }),
    )
  })

  test('plans come behind the plans of `after`, in the list and in what they copy', () => {
    fc.assert(
      fc.property(randomProject, (project) => {
        const { waves, steps, comesAfter } = compiled(project)
        const names = waves.map(({ plan }) => plan.name)
        const copies = (plan: string) => steps.filter((it) => it.kind === 'backfill' && it.plan === plan)
        for (const { plan } of waves) {
          for (const name of plan.after) {
            expect(names.indexOf(name)).toBeLessThan(names.indexOf(plan.name))
            for (const step of copies(plan.name)) comesAfter(step, copies(name))
          }
        }
        expect(waves.map(({ wave }) => wave)).toEqual(waves.map(({ wave }) => wave).sort((a, b) => a - b))
      }),
    )
  })

  test('the order of files, tables, columns and references changes nothing', () => {
    fc.assert(
      fc.property(randomProject, fc.infiniteStream(fc.double({ noNaN: true })), (project, numbers) => {
        const other = shuffled(project, () => numbers.next().value)
        const [one, two] = [compiled(project), compiled(other)]
        expect(renderText(two.graph)).toBe(renderText(one.graph))
        expect(fingerprints(two.graph)).toEqual(fingerprints(one.graph))
        expect(two.waves.map(({ plan, wave }) => [plan.name, wave])).toEqual(
          one.waves.map(({ plan, wave }) => [plan.name, wave]),
        )
        expect(planHash(other)).toBe(planHash(project))
      }),
    )
  })

  test('a selection has every step of the plans asked for, the same as in the whole, and what comes before them', () => {
    fc.assert(
      fc.property(randomProject, fc.nat(4), (project, number) => {
        const asked = `p${number}`
        fc.pre(project.plans.some(({ name }) => name === asked))
        const [part, whole] = [compiled(project, [asked]), compiled(project)]
        const ids = (steps: readonly Step[]) => steps.filter((it) => it.plan === asked).map(({ id }) => id)
        expect(ids(part.steps).sort()).toEqual(ids(whole.steps).sort())
        const before = ancestors(part.graph)
        for (const [id, all] of ancestors(whole.graph)) {
          if (part.graph.get(id)) expect(before.get(id)).toEqual(all)
        }
        const now = fingerprints(whole.graph)
        for (const [id, fingerprint] of fingerprints(part.graph)) expect(now.get(id)).toBe(fingerprint)
      }),
    )
  })
})
