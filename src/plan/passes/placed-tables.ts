import type { Diagnostic } from '../../diagnostic.ts'
import { sameDefinition } from '../fingerprint.ts'
import { mappingsOf, type Plan } from '../plan.ts'
import { sameTable, showTable, type TableDefinition } from '../table.ts'
import { byText, type OrderedPlan, type PlacedTable, refuse } from './pass.ts'

/** Every table of the project once, by name, with the plan that answers for it and the mappings that fill it. */
export function placeTables(plans: readonly OrderedPlan[]): {
  readonly tables: readonly PlacedTable[]
  readonly diagnostics: readonly Diagnostic[]
} {
  const diagnostics: Diagnostic[] = []
  const declared: { definition: TableDefinition; plans: Plan[] }[] = []
  for (const { plan } of plans) {
    for (const definition of plan.tables) {
      const known = declared.find((it) => sameTable(it.definition.name, definition.name))
      if (!known) declared.push({ definition, plans: [plan] })
      else if (sameDefinition(known.definition, definition)) known.plans.push(plan)
      else diagnostics.push(declaredTwice(definition, known.plans[0]!, plan))
    }
  }

  const fillers = plans.flatMap(({ plan }) =>
    mappingsOf(plan).map((mapping) => ({ plan: plan.name, mapping })),
  )
  for (const { plan, mapping } of fillers) {
    if (declared.some(({ definition }) => sameTable(definition.name, mapping.into))) continue
    diagnostics.push(
      refuse(
        'KV105',
        mapping.at,
        `The mapping ${mapping.name} of "${plan}" goes into the table ${showTable(mapping.into)}, which nobody declares.`,
        'Declare it under "tables:", or name the application’s DDL as "schema:" in the project.',
      ),
    )
  }

  const tables = declared
    .map(({ definition, plans: [first, ...others] }) => ({
      definition,
      ...(others.length === 0 && { plan: first!.name }),
      declaredBy: [first!, ...others].map(({ name }) => name),
      fillers: fillers.filter(({ mapping }) => sameTable(mapping.into, definition.name)),
    }))
    .sort((a, b) => byText(showTable(a.definition.name), showTable(b.definition.name)))
  return { tables, diagnostics: [...diagnostics, ...sharedNames(tables)] }
}

const declaredTwice = (definition: TableDefinition, first: Plan, second: Plan): Diagnostic =>
  refuse(
    'KV104',
    definition.at,
    `The table ${showTable(definition.name)} is declared by "${first.name}" and, differently, by "${second.name}".`,
    'Declare it in one of them; the other can map into it all the same.',
  )

// In Postgres tables and indexes of a schema share one set of names.
function sharedNames(tables: readonly PlacedTable[]): readonly Diagnostic[] {
  const taken = new Map<string, string>()
  const diagnostics: Diagnostic[] = []
  const take = (schema: string, name: string, what: string, at: TableDefinition['at']) => {
    const full = JSON.stringify([schema, name])
    const other = taken.get(full)
    if (other)
      diagnostics.push(
        refuse(
          'KV106',
          at,
          `The ${what} and the ${other} have the same name; Postgres keeps one per schema.`,
        ),
      )
    else taken.set(full, what)
  }
  for (const { definition } of tables)
    take(definition.name.schema, definition.name.table, `table ${showTable(definition.name)}`, definition.at)
  for (const { definition } of tables) {
    const { name, expiry, history, at } = definition
    if (history !== undefined) take(name.schema, history, `history ${history} of ${showTable(name)}`, at)
    if (expiry) take(name.schema, expiry.view, `view ${expiry.view} of ${showTable(name)}`, at)
    for (const { name, at } of definition.indexes) {
      take(definition.name.schema, name, `index ${name} of ${showTable(definition.name)}`, at)
    }
  }
  return diagnostics
}
