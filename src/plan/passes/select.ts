import { type Diagnostic, didYouMean } from '../../diagnostic.ts'
import { couldMeet } from './backfills.ts'
import { byText, type OrderedPlan, type PlacedTable, refuse } from './pass.ts'

/**
 * The plans that were asked for and those they cannot do without: what `after` names, plans that declare or fill a table they refer to
 * (without the parents every child would be an orphan), plans that declare a table they fill, and plans whose rows in a common table come
 * first. A plan that is brought along comes whole, so that none is left half applied, but without its gate: nobody asked for it.
 */
export function selectPlans(
  plans: readonly OrderedPlan[],
  tables: readonly PlacedTable[],
  asked: readonly string[],
): { readonly plans: readonly OrderedPlan[]; readonly tables: readonly PlacedTable[] } {
  const needs = new Map(plans.map((it) => [it.plan.name, needsOf(it, tables)]))
  const selected = new Set<string>()
  const open = [...asked]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (!selected.has(name)) open.push(...needs.get(name)!)
    selected.add(name)
  }
  return {
    plans: plans
      .filter(({ plan }) => selected.has(plan.name))
      .map((it) => ({
        ...it,
        neededBy: asked.includes(it.plan.name)
          ? []
          : [...selected].filter((name) => needs.get(name)!.has(it.plan.name)).sort(byText),
      })),
    tables: tables
      .filter(({ declaredBy }) => declaredBy.some((it) => selected.has(it)))
      .map((table) => ({ ...table, fillers: table.fillers.filter(({ plan }) => selected.has(plan)) })),
  }
}

function needsOf({ plan, references }: OrderedPlan, tables: readonly PlacedTable[]): ReadonlySet<string> {
  const needed = new Set([...plan.after, ...references])
  for (const { declaredBy, fillers } of tables) {
    for (const [index, filler] of fillers.entries()) {
      if (filler.plan !== plan.name) continue
      if (!declaredBy.includes(plan.name)) for (const it of declaredBy) needed.add(it)
      for (const earlier of fillers.slice(0, index)) {
        if (couldMeet(earlier.mapping, filler.mapping)) needed.add(earlier.plan)
      }
    }
  }
  needed.delete(plan.name)
  return needed
}

/** Names that were asked for and that no plan has. */
export function unknownNames(asked: readonly string[], plans: readonly OrderedPlan[]): readonly Diagnostic[] {
  const known = plans.map(({ plan }) => plan.name)
  return asked
    .filter((name) => !known.includes(name))
    .map((name) => {
      const meant = didYouMean(name, known)
      const hint = meant ? `Did you mean "${meant}"?` : `There are: ${known.toSorted(byText).join(', ')}.`
      return refuse('KV100', undefined, `There is no plan "${name}" in this project.`, hint)
    })
}
