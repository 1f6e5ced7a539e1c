import { byText, type Pass, place } from './pass.ts'

/** Schemas that kvmig's own tables need; `public`, those of the application's tables and kvmig's own are there already. */
export const addSchemas: Pass = ({ tables }) => {
  const schemasOf = (owner: 'plan' | 'schema') =>
    tables.flatMap(({ definition }) => (definition.owner === owner ? [definition.name.schema] : []))
  const there = new Set(['public', 'kvmig', ...schemasOf('schema')])
  const schemas = [...new Set(schemasOf('plan'))].filter((it) => !there.has(it)).sort(byText)
  return { steps: schemas.map((schema) => ({ ...place(undefined, 'schema', schema), schema })) }
}
