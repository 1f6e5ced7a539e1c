import type { Expression } from '../plan/expression.ts'
import { argumentsOf, isLookup } from '../plan/lookup.ts'
import { EACH, insideOf, type Mapping } from '../plan/plan.ts'
import { compileComputed } from './computed.ts'
import { type FieldPath, withStars } from './field-tree.ts'

/** Which parts of the data the columns of a mapping take. `where` takes nothing: it only looks. An empty path is the whole. */
export interface FieldsRead {
  /** Paths into the record. */
  readonly record: readonly FieldPath[]
  /** Paths into the whole that the record lies in: where a path of `each` leads, and what `$parent` names. */
  readonly around: readonly FieldPath[]
  /** Paths into the record that lookups look at and nobody takes. */
  readonly looks: readonly FieldPath[]
  /** Does a column take what no other takes? */
  readonly rest: boolean
  /** Is the value looked at at all, and if so only for its fields? */
  readonly uses: 'fields' | 'value' | 'nothing'
  readonly takesExpiry: boolean
  readonly takesFieldExpiry: boolean
}

export function fieldsRead({ each, fields }: Mapping): FieldsRead {
  const record: FieldPath[] = []
  const around: FieldPath[] = []
  const looks: FieldPath[] = []
  let [rest, takesExpiry, takesFieldExpiry] = [false, false, false]
  let uses = 'nothing' as FieldsRead['uses']
  const path = insideOf(each)?.path
  if (path) around.push(withStars(path))

  const visit = (expression: Expression): void => {
    switch (expression.kind) {
      case 'path':
        record.push(expression.path)
        if (uses === 'nothing') uses = 'fields'
        break
      case 'root':
        if (VALUES.has(expression.root)) {
          record.push(expression.path)
          uses = 'value'
        } else if (expression.root === 'parent') {
          // Which of them it is depends on the data: the object of the level above, or the whole.
          around.push(expression.path)
          const above = path?.slice(0, path.at(-1) === EACH ? -1 : undefined).lastIndexOf(EACH) ?? -1
          if (path && above >= 0) around.push([...withStars(path.slice(0, above + 1)), ...expression.path])
        } else if (expression.root === 'root') {
          around.push(expression.path)
        } else if (expression.root === 'expires_at') {
          takesExpiry = true
        } else if (expression.root === 'field_expires_at') {
          takesFieldExpiry = true
        }
        break
      case 'call':
        if (expression.name === 'rest') {
          rest = true
          if (uses === 'nothing') uses = 'fields'
        } else if (isLookup(expression.name)) {
          const before = record.length
          for (const it of argumentsOf(expression)) visit(it)
          // A lookup only looks, as a condition does: what it is asked with is not in the column.
          looks.push(...record.splice(before))
        } else for (const it of argumentsOf(expression)) visit(it)
        break
      case 'cel': {
        const { fields } = compileComputed(expression.cel, [])
        if (fields === 'all') record.push([])
        else for (const name of fields) record.push([name])
        if (fields === 'all') uses = 'value'
        else if (fields.size > 0 && uses === 'nothing') uses = 'fields'
        break
      }
      case 'coalesce':
        expression.options.forEach(visit)
        break
      case 'pipe':
        visit(expression.input)
    }
  }
  for (const { expression } of fields) visit(expression)
  return { record, around, looks, rest, uses, takesExpiry, takesFieldExpiry }
}

const VALUES: ReadonlySet<string> = new Set(['value', 'item', 'member'])
