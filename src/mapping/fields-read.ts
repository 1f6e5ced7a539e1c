import type { Expression } from '../plan/expression.ts'
import { EACH, type Mapping } from '../plan/plan.ts'

/** Names of top-level fields; `all` where the whole is taken. */
export type Fields = ReadonlySet<string> | 'all'

/** Which fields of the data the columns of a mapping take. `where` takes nothing: it only looks. */
export interface FieldsRead {
  /** Of the record. */
  readonly record: Fields
  /** Of the whole that the record lies in: the record itself, unless a path of `each` leads inside. */
  readonly whole: Fields
  /** Of the record, those that a column names. */
  readonly named: ReadonlySet<string>
  /** Of the whole, those that a path of `each` goes into or `$parent` names. */
  readonly inside: ReadonlySet<string>
  /** Is the value looked at at all, and if so only for its fields? */
  readonly uses: 'fields' | 'value' | 'nothing'
  readonly takesExpiry: boolean
}

export function fieldsRead({ each, fields }: Mapping): FieldsRead {
  const named = new Set<string>()
  const inside = new Set<string>()
  let [takesRecord, takesWhole, takesExpiry, uses] = [false, false, false, 'nothing' as FieldsRead['uses']]
  const path = each?.kind === 'path' ? each.path : undefined
  if (path?.[0] === EACH || typeof path?.[0] === 'number') takesWhole = true
  else if (path?.[0] !== undefined) inside.add(path[0])

  const take = (names: Set<string>, [first]: readonly (string | number)[]): boolean => {
    if (typeof first !== 'string') return true
    names.add(first)
    return false
  }
  const visit = (expression: Expression): void => {
    switch (expression.kind) {
      case 'path':
        if (take(named, expression.path)) takesRecord = true
        if (uses === 'nothing') uses = 'fields'
        break
      case 'root':
        if (VALUES.has(expression.root)) {
          if (take(named, expression.path)) takesRecord = true
          uses = 'value'
        } else if (expression.root === 'parent') {
          if (take(inside, expression.path)) takesWhole = true
        } else if (expression.root === 'expires_at') {
          takesExpiry = true
        }
        break
      case 'call':
        if (expression.name === 'rest') {
          takesRecord = true
          if (uses === 'nothing') uses = 'fields'
        }
        break
      case 'coalesce':
        expression.options.forEach(visit)
        break
      case 'pipe':
        visit(expression.input)
    }
  }
  for (const { expression } of fields) visit(expression)

  const record = takesRecord ? 'all' : named
  return { record, whole: path ? (takesWhole ? 'all' : inside) : record, named, inside, uses, takesExpiry }
}

const VALUES: ReadonlySet<string> = new Set(['value', 'item', 'member'])
