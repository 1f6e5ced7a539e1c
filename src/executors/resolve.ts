import type { Conflict, Mapping } from '../plan/plan.ts'
import type { Cell } from '../value.ts'

/** Which record a row belongs to: the mapping, the source key, and the part of the entry. */
export interface RecordId {
  readonly mapping: string
  readonly key: Buffer
  readonly part: string
}

/** One of several records of one batch that give the same row key. */
export interface Rival {
  /** Its place in the batch. */
  readonly index: number
  readonly key: Buffer
  readonly part: string
  readonly tuple: Buffer
  /** The cell of the policy's column, where the policy looks at one. */
  readonly rank: Cell
}

/** The place of the record that stands, or `contested`: none of them does, all are quarantined. */
export type Verdict = { readonly winner: number } | 'contested'

/**
 * Settles records of one mapping that give the same row. Never by the order of arrival, which a scan does not promise: a record read
 * twice counts as its later reading, equal rows collapse, a policy that compares a column decides where that column differs.
 */
export function settle(policy: Conflict, rivals: readonly Rival[], numeric: boolean): Verdict {
  const latest = new Map<string, Rival>()
  for (const rival of rivals) latest.set(`${rival.key.toString('latin1')}\0${rival.part}`, rival)
  const distinct = [...latest.values()]
  const first = distinct[0]!
  if (distinct.every((it) => it.tuple.equals(first.tuple))) return { winner: distinct.at(-1)!.index }
  if (policy.policy === 'error' || policy.policy === 'keep' || policy.policy === 'update') return 'contested'
  const sign = policy.policy === 'least' ? -1 : 1
  const best = distinct.reduce((a, b) => (compareCells(b.rank, a.rank, numeric) * sign > 0 ? b : a))
  const equals = distinct.filter((it) => compareCells(it.rank, best.rank, numeric) === 0)
  return equals.every((it) => it.tuple.equals(best.tuple)) ? { winner: best.index } : 'contested'
}

/** How the new row's column compares with that of the row that is there. */
export type Comparison = 'more' | 'less' | 'equal' | 'unknown'

export type Decision =
  | 'update'
  | 'unchanged'
  /** An equal row, or one that gives way by the policy. */
  | 'duplicate'
  /** Neither stands: the row that is there goes, and both records are quarantined. */
  | 'contested'
  /** Not ours, and not to be touched. */
  | 'existing'

/**
 * Decides about a record whose row is already in the table. `owner` is the record that row belongs to: `ours` where rows cannot collide,
 * undefined for a row that kvmig did not write, `contested` where two records already fought over it.
 */
export function decide(options: {
  readonly mapping: Mapping
  readonly record: RecordId
  readonly owner: RecordId | 'ours' | 'contested' | undefined
  readonly same: boolean
  readonly rank: Comparison
  /** Place of a mapping in its plan. */
  readonly order: (mapping: string) => number
}): Decision {
  const { mapping, record, owner, same, rank, order } = options
  if (owner === undefined) return same ? 'unchanged' : mapping.existing === 'update' ? 'update' : 'existing'
  if (owner === 'ours' || (owner !== 'contested' && sameRecord(owner, record))) return same ? 'unchanged' : 'update'
  if (owner === 'contested') return 'contested'
  if (same) return 'duplicate'
  const { policy } = mapping.conflict
  if (policy === 'newest' || policy === 'greatest' || policy === 'least') {
    if (rank === 'equal' || rank === 'unknown') return 'contested'
    return (rank === 'more') === (policy !== 'least') ? 'update' : 'duplicate'
  }
  if (owner.mapping === record.mapping || policy === 'error') return 'contested'
  const later = order(record.mapping) > order(owner.mapping)
  return later === (policy === 'update') ? 'update' : 'duplicate'
}

export const sameRecord = (a: RecordId, b: RecordId): boolean =>
  a.mapping === b.mapping && a.part === b.part && a.key.equals(b.key)

// Cells of one column: both of one type, or null, which ranks below everything.
function compareCells(a: Cell, b: Cell, numeric: boolean): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  if (numeric) return compareDecimals(String(a), String(b))
  return a < b ? -1 : a > b ? 1 : 0
}

// numeric cells are canonical decimal text: compare sign, then digits before the point by length, then digit by digit.
function compareDecimals(a: string, b: string): number {
  const negative = a.startsWith('-')
  if (negative !== b.startsWith('-')) return negative ? -1 : 1
  const [wholeA = '', fractionA = ''] = a.replace('-', '').split('.')
  const [wholeB = '', fractionB = ''] = b.replace('-', '').split('.')
  const digits = Math.max(fractionA.length, fractionB.length)
  const left = BigInt(wholeA + fractionA.padEnd(digits, '0'))
  const right = BigInt(wholeB + fractionB.padEnd(digits, '0'))
  const order = left < right ? -1 : left > right ? 1 : 0
  return negative ? -order : order
}
