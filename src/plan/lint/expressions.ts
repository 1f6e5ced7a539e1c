import { misfit } from '../column-fit.ts'
import type { Expression } from '../expression.ts'
import { kindOf } from '../expression-kind.ts'
import { scopeOf } from '../mapping-scope.ts'
import type { Field, Mapping } from '../plan.ts'
import type { ColumnDefinition } from '../table.ts'
import { clashes } from './records.ts'
import { findTable, type LintScope, mappings } from './scope.ts'

/** Every expression is of a kind that its transforms and its column take. */
export function expressions(scope: LintScope): void {
  for (const { mapping } of mappings(scope)) {
    if (clashes(mapping)) continue
    const table = findTable(scope, mapping.into)
    const rests = mapping.fields.filter((it) => callsRest(it.expression))
    for (const field of mapping.fields) {
      const column = table?.columns.find((it) => it.name === field.column)
      checkField(field, column, mapping, scope)
    }
    for (const field of rests.slice(1))
      scope.notes.error(
        'KV032',
        field.at,
        'rest() stands in another column already.',
        'One column takes what is left.',
      )
  }
}

function checkField(
  field: Field,
  column: ColumnDefinition | undefined,
  mapping: Mapping,
  scope: LintScope,
): void {
  const { notes, catalog } = scope
  if (field.expression.kind === 'cel') return
  const node = notes.node(mapping, 'fields', field.column)
  const { kind, problems } = kindOf(field.expression, scopeOf(mapping, catalog))
  if (node) notes.problems(node, problems)
  if (problems.length > 0 || !column || column.generated) return
  const clock = clockWord(field.expression, column)
  if (clock) {
    const hint = 'A second run has to give the same rows. Leave the column NULL, or give it a constant.'
    notes.error('KV073', field.at, `"${clock}" would be another time in every run.`, hint)
    return
  }
  if (kind === 'null' && column.notNull) {
    notes.error('KV045', field.at, `The column "${column.name}" cannot be NULL, and this is always null.`)
    return
  }
  const wrong = misfit(kind, column.type, catalog.transforms)
  if (wrong) notes.error('KV034', field.at, wrong.message, wrong.hint)
}

/** Postgres reads these words as a time of its own. */
const CLOCK_WORDS =
  /^\s*(?:now|today|tomorrow|yesterday|current_timestamp|current_date|localtimestamp)(?:\(\))?\s*$/i
const TIMES = new Set(['timestamptz', 'timestamp', 'date'])

function clockWord(expression: Expression, column: ColumnDefinition): string | undefined {
  if (!TIMES.has(column.type.base)) return undefined
  return constants(expression).find((it) => CLOCK_WORDS.test(it))
}

/** The text that stands in an expression: in const() and in arguments of transforms. */
function constants(expression: Expression): readonly string[] {
  switch (expression.kind) {
    case 'coalesce':
      return expression.options.flatMap(constants)
    case 'pipe':
      return [...constants(expression.input), ...texts(expression.arguments)]
    case 'call':
      return texts(expression.arguments)
    default:
      return []
  }
}

const texts = (args: Extract<Expression, { kind: 'call' }>['arguments']): readonly string[] =>
  args.flatMap((it) => (it.kind === 'data' && typeof it.value === 'string' ? [it.value] : []))

function callsRest(expression: Expression): boolean {
  switch (expression.kind) {
    case 'coalesce':
      return expression.options.some(callsRest)
    case 'pipe':
      return callsRest(expression.input)
    default:
      return expression.kind === 'call' && expression.name === 'rest'
  }
}
