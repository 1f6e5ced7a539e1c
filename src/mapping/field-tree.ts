import { showPath } from '../plan/expression.ts'
import { EACH, type PathSegment } from '../plan/plan.ts'
import type { Value } from '../value.ts'

/** A path into data; ANY stands for every field of an object and every place of a list. */
export type FieldPath = readonly (string | number | typeof ANY)[]
export const ANY = Symbol('*')

/** The path of `each` or `unmapped`, whose `*` is a sign of its own. */
export const withStars = (path: readonly PathSegment[]): FieldPath =>
  path.map((it) => (it === EACH ? ANY : it))

/** What of a value is taken: all of it, or what the branches say; `others` is for what has no branch. */
export type FieldTree = 'all' | Branches

interface Branches {
  readonly fields: ReadonlyMap<string | number, FieldTree>
  readonly others: FieldTree | undefined
}

/** Puts paths together, once. `rest`: fields of the first level that no path names are taken too. */
export function fieldTree(paths: readonly FieldPath[], { rest = false } = {}): FieldTree {
  if (paths.some((it) => it.length === 0)) return 'all'
  const everywhere = paths.filter(([first]) => first === ANY)
  const names = new Set(paths.flatMap(([first]) => (first === undefined || first === ANY ? [] : [first])))
  const below = (own: readonly FieldPath[]): FieldTree => fieldTree(own.map((it) => it.slice(1)))
  return {
    fields: new Map(
      [...names].map((name) => [name, below(paths.filter(([first]) => first === name || first === ANY))]),
    ),
    others: rest ? 'all' : everywhere.length > 0 ? below(everywhere) : undefined,
  }
}

/**
 * Tells what of a value is not taken, by its path as `unmapped` wants it written, each path once. Goes only into what is taken in part.
 */
export function findUntaken(value: Value, tree: FieldTree, tell: (field: string) => void): void {
  if (tree === 'all' || typeof value !== 'object' || value === null || isTaken(value, tree)) return
  let told: Set<string> | undefined
  descend(value, tree, [], (path) => {
    const field = showField(path)
    told ??= new Set()
    if (told.size < told.add(field).size) tell(field)
  })
}

/** The usual case, at no cost: every field is taken as a whole. */
function isTaken(value: Value, { fields, others }: Branches): boolean {
  if (!(value instanceof Map)) return false
  for (const name of value.keys()) if ((fields.get(name) ?? others) !== 'all') return false
  return true
}

function descend(value: Value, tree: Branches, path: FieldPath, tell: (path: FieldPath) => void): void {
  if (value instanceof Map) {
    for (const [name, inner] of value) branch(inner, tree, name, path, tell)
  } else if (Array.isArray(value)) {
    for (const [place, inner] of value.entries()) branch(inner, tree, place, path, tell)
  } else if (path.length > 0 && value !== null && value !== undefined) {
    // Something else stands where others have fields.
    tell(path)
  }
}

function branch(
  value: Value,
  { fields, others }: Branches,
  at: string | number,
  path: FieldPath,
  tell: (path: FieldPath) => void,
): void {
  const own = fields.get(at)
  const tree = own ?? others
  if (tree === 'all') return
  // Places of a list, and names that a star stands for, are as many as the data likes.
  const shown = own === undefined && (others !== undefined || typeof at === 'number') ? ANY : at
  if (tree === undefined) tell([...path, shown])
  else descend(value, tree, [...path, shown], tell)
}

/** A path as it is written in a plan: `metadata.userId`, `games.*`, `['odd name']`. */
export function showField(path: FieldPath): string {
  let shown = ''
  for (const step of path) {
    if (step === ANY) shown += shown === '' ? '*' : '.*'
    else shown = showPath([step], shown)
  }
  return shown
}
