import { EACH, type Inside, type PathSegment } from '../plan/plan.ts'
import { mismatch } from '../transforms/kind.ts'
import { valueAt } from '../transforms/path.ts'
import type { Transform } from '../transforms/transform.ts'
import { RejectError, type Value } from '../value.ts'
import { compileTransform } from './expression.ts'
import type { Part } from './mapping.ts'
import type { RecordScope, RecordVisitor } from './record.ts'

/** Walks a path of `each` inside the value in the scope, which is `part` of the entry (undefined: the whole). */
export function compileInside(
  { path, transforms: calls }: Inside,
  transforms: ReadonlyMap<string, Transform>,
): (scope: RecordScope, visitor: RecordVisitor, part: (() => Part) | undefined) => void {
  const applied = calls.map((it) => compileTransform(it, transforms))
  return (scope, visitor, part) => {
    scope.root = scope.value
    new Walk(path, applied, scope, visitor).inside(scope.value, 0, scope.value, part)
  }
}

/** One walk. `outer` is the value of the record that encloses what is found: the whole, or the object of the level above. */
class Walk {
  readonly #path: readonly PathSegment[]
  readonly #applied: readonly ((value: Value) => Value)[]
  readonly #scope: RecordScope
  readonly #visitor: RecordVisitor

  constructor(
    path: readonly PathSegment[],
    applied: readonly ((value: Value) => Value)[],
    scope: RecordScope,
    visitor: RecordVisitor,
  ) {
    this.#path = path
    this.#applied = applied
    this.#scope = scope
    this.#visitor = visitor
  }

  inside(value: Value, at: number, outer: Value, part: (() => Part) | undefined): void {
    if (value === undefined || value === null) return
    const step = this.#path[at]
    if (step === undefined) {
      let list: Value = value
      for (const apply of this.#applied) list = apply(list)
      if (list === undefined || list === null) return
      if (!Array.isArray(list)) throw mismatch('a list', list)
      this.#each(list, at, { outer, above: part, isEnd: true })
    } else if (step === EACH) {
      if (!Array.isArray(value) && !(value instanceof Map)) throw mismatch('a list or an object', value)
      const isEnd = at + 1 === this.#path.length && this.#applied.length === 0
      this.#each(value, at + 1, { outer, above: part, isEnd })
    } else {
      this.inside(valueAt(value, [step]), at + 1, outer, part)
    }
  }

  /** Every element: a record, if the path ends here, or what the rest of the path goes into. */
  #each(
    values: Value,
    at: number,
    {
      outer,
      above,
      isEnd,
    }: { readonly outer: Value; readonly above: (() => Part) | undefined; readonly isEnd: boolean },
  ): void {
    const prefix = () => (above ? `${above()}/` : '')
    const visit = (value: Value, part: () => Part): void => {
      if (isEnd) {
        this.#scope.value = value
        this.#scope.parent = outer
        this.#visitor.take(part)
        return
      }
      try {
        this.inside(value, at, value instanceof Map ? value : outer, part)
      } catch (error) {
        if (!(error instanceof RejectError)) throw error
        this.#visitor.refuse(error, part)
      }
    }
    const { name: outerName, index: outerIndex, parentName, parentIndex } = this.#scope
    this.#scope.parentName = outerName
    this.#scope.parentIndex = outerIndex
    if (values instanceof Map) {
      for (const [name, value] of values) {
        this.#scope.name = name
        visit(value, () => `${prefix()}field:${name}`)
      }
    } else if (Array.isArray(values)) {
      for (const [index, value] of values.entries()) {
        this.#scope.index = index
        visit(value, () => `${prefix()}index:${index}`)
      }
    }
    this.#scope.name = outerName
    this.#scope.index = outerIndex
    this.#scope.parentName = parentName
    this.#scope.parentIndex = parentIndex
  }
}
