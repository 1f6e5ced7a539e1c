import fc from 'fast-check'
import type { Plan, Project } from '../../src/plan/plan.ts'
import { indexOf, mappingOf, planOf, projectOf, referenceOf, tableOf } from './project.ts'

/**
 * Projects of up to five plans with up to three tables each. Tables of plans refer to any table, those of the application only to ones
 * made before them; plans come after plans made before them.
 */
export const randomProject: fc.Arbitrary<Project> = fc
  .array(
    fc.record({
      risk: fc.constantFrom<Plan['risk'][]>('low', 'medium', 'high'),
      after: fc.array(fc.nat(4), { maxLength: 2 }),
      tables: fc.array(
        fc.record({
          owner: fc.constantFrom<('plan' | 'schema')[]>('plan', 'plan', 'schema'),
          to: fc.uniqueArray(fc.nat(14), { maxLength: 3 }),
          mappings: fc.integer({ min: 0, max: 2 }),
          index: fc.boolean(),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    }),
    { maxLength: 5 },
  )
  .map((shapes) => {
    const all = shapes.flatMap(({ tables }, plan) => tables.map((_, index) => `t${plan}${index}`))
    return projectOf(
      shapes.map(({ risk, after, tables }, plan) => {
        const made = tables.map((shape, index) => {
          const name = `t${plan}${index}`
          const known = shape.owner === 'plan' ? all : all.slice(0, all.indexOf(name))
          const to = known.length === 0 ? [] : [...new Set(shape.to.map((it) => known[it % known.length]!))]
          const columns = Object.fromEntries(['id', ...to].map((it) => [it, 'text']))
          const table = tableOf(name, columns, {
            owner: shape.owner,
            references: to.map((it) => referenceOf(it, it)),
            indexes: shape.index ? [indexOf(`i_${name}`, ['id'])] : [],
          })
          const rules = Array.from({ length: shape.mappings }, (_, at) =>
            mappingOf(name, { name: at ? `${name}.2` : name }),
          )
          return { table, rules }
        })
        return planOf(`p${plan}`, {
          risk,
          after: plan === 0 ? [] : [...new Set(after.map((it) => `p${it % plan}`))],
          tables: made.map(({ table }) => table),
          rules: made.flatMap(({ rules }) => rules),
        })
      }),
    )
  })

/** The same project, with everything in another order that has no order. */
export const shuffled = (project: Project, random: () => number): Project => {
  const shuffle = <T>(list: readonly T[]) =>
    list
      .map((it) => ({ it, rank: random() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ it }) => it)
  return {
    ...project,
    plans: shuffle(
      project.plans.map((plan) => ({
        ...plan,
        after: shuffle(plan.after),
        tables: shuffle(
          plan.tables.map((table) => ({
            ...table,
            columns: shuffle(table.columns),
            indexes: shuffle(table.indexes),
            references: shuffle(table.references),
          })),
        ),
      })),
    ),
  }
}
