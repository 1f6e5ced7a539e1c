import type { CompiledMapping } from '../mapping/mapping.ts'
import type { Expression } from '../plan/expression.ts'
import { argumentsOf, isSame } from '../plan/lookup.ts'
import { quote } from '../target/ddl.ts'

/**
 * How rows have to be sorted so that the elements of a key come one after the other, and in their order: expressions over table `t`. Or
 * why they cannot be.
 */
export function rebuildOrder({ mapping, columns }: Pick<CompiledMapping, 'mapping' | 'columns'>): {
  readonly by: readonly string[]
  readonly why?: string
} {
  const { each, fields, match } = mapping
  if (each === undefined) return { by: [] }
  const captures = new Set(match.parts.flatMap((it) => (it.kind === 'capture' ? [it.name] : [])))
  const by = fields
    .filter(({ expression }) => isOf(expression, (root) => root === 'key' || captures.has(root)))
    .map(({ column }) => `t.${quote(column)}`)
  if (each.kind !== 'item' && each.kind !== 'message') return { by }
  // Only where the column holds the place itself does it sort as the places do.
  const place = each.kind === 'item' ? 'index' : 'message'
  const field = fields.find(
    ({ expression }) =>
      expression.kind === 'root' && expression.root === place && expression.path.length === 0,
  )
  const column = columns.find((it) => it.name === field?.column)
  const isSorted =
    column !== undefined &&
    !column.type.array &&
    (each.kind === 'item'
      ? ['smallint', 'integer', 'bigint', 'numeric'].includes(column.type.base)
      : ['text', 'varchar'].includes(column.type.base))
  if (!isSorted)
    return { by, why: `the order is kept in another form: a column has to hold $${place} as it is` }
  const name = `t.${quote(column.name)}`
  return {
    by: [
      ...by,
      ...(each.kind === 'item'
        ? [name]
        : [`split_part(${name}, '-', 1)::numeric`, `split_part(${name}, '-', 2)::numeric`]),
    ],
  }
}

function isOf(expression: Expression, test: (root: string) => boolean): boolean {
  if (expression.kind === 'pipe') return isOf(expression.input, test)
  if (expression.kind === 'call' && isSame(expression.name))
    return argumentsOf(expression).some((it) => isOf(it, test))
  return expression.kind === 'root' && test(expression.root)
}
