import type { Conflict } from '../plan/plan.ts'

/** Which record it is: the mapping's place among those that write the table, the source key, and the part of the entry. */
export interface RecordId {
  readonly writer: number
  readonly key: Buffer
  readonly part: string
}

/** One of several records that give the same row. */
export interface Member extends RecordId {
  /** Of its mapping. */
  readonly policy: Conflict
  /** What it gives, by column, as Postgres has it in binary. */
  readonly cells: ReadonlyMap<string, Buffer | null>
  /** Columns that are made of all records: they need not agree in them. */
  readonly merged?: ReadonlySet<string>
}

/** Compares two values of a column; undefined where that has no order. */
export type CompareRank = (column: string, a: Buffer | null, b: Buffer | null) => number | undefined

/** The record that has the row, or `contested`: nobody chooses between them, so none has it. */
export type Verdict<M extends Member> = M | 'contested'

/**
 * Settles which of several records has the row that they all give. Depends on what they are, never on when they came, which a scan does
 * not promise. Mappings have their say in file order, each with its own policy: `keep` leaves the row to those before it, `update` takes
 * it, a policy with a column lets that decide, `error` decides nothing. Records that agree are one.
 */
export function settle<M extends Member>(members: readonly M[], compare: CompareRank): Verdict<M> {
  const inOrder = members.toSorted(compareRecords)
  let standing: readonly M[] = []
  for (const writer of new Set(inOrder.map((it) => it.writer))) {
    const own = inOrder.filter((it) => it.writer === writer)
    standing = combine(standing, own, own[0]!.policy, compare)
  }
  return standing.length === 1 ? standing[0]! : 'contested'
}

function combine<M extends Member>(
  before: readonly M[],
  own: readonly M[],
  policy: Conflict,
  compare: CompareRank,
): readonly M[] {
  switch (policy.policy) {
    case 'keep':
      return before.length > 0 ? before : agreed(own)
    case 'update':
      return agreed(own)
    case 'error':
      return agreed([...before, ...own])
    default:
      return agreed(foremost([...before, ...own], policy, compare))
  }
}

/** One of them, if it says everything that the others say. Of one mapping either all say the same or none says it all. */
function agreed<M extends Member>(members: readonly M[]): readonly M[] {
  const candidates = members.filter((it, index) => index === 0 || it.writer !== members[index - 1]!.writer)
  const all = candidates.find((it) => members.every((other) => says(it, other)))
  return all ? [all] : members
}

const says = (one: Member, other: Member): boolean =>
  [...other.cells].every(
    ([column, cell]) =>
      other.merged?.has(column) || (one.cells.has(column) && sameCell(one.cells.get(column)!, cell)),
  )

const sameCell = (a: Buffer | null, b: Buffer | null): boolean =>
  a === null || b === null ? a === b : a.equals(b)

/** Those whose column is not behind another's. */
function foremost<M extends Member>(
  members: readonly M[],
  policy: Conflict,
  compare: CompareRank,
): readonly M[] {
  const order = (one: Member, other: Member) => compareByPolicy(policy, one, other, compare) ?? 0
  const best = members.reduce((a, b) => (order(b, a) > 0 ? b : a))
  return members.filter((it) => order(it, best) === 0)
}

/** More than 0 if the policy's column prefers `a`. NULL is never preferred. */
function compareByPolicy(
  policy: Conflict,
  a: Pick<Member, 'cells'>,
  b: Pick<Member, 'cells'>,
  compare: CompareRank,
): number | undefined {
  if (!('column' in policy)) return undefined
  const [one, other] = [a.cells.get(policy.column) ?? null, b.cells.get(policy.column) ?? null]
  const order = compare(policy.column, one, other)
  const isReversed = policy.policy === 'least' && one !== null && other !== null
  return order === undefined || !isReversed ? order : -order
}

/** What becomes of a record whose row another record has. */
export type Decision =
  /** It takes the row over, by the policy. */
  | 'takes over'
  /** It agrees with the row, or gives way by the policy. */
  | 'gives way'
  /** That can only be said when all records of the row are known: `settle`. */
  | 'open'

/** Decides as `settle` would about two of them, as far as the row that is there tells enough. `there` holds the new record's columns. */
export function decide(
  record: Member,
  owner: Pick<Member, 'writer' | 'policy'>,
  there: Member['cells'],
  compare: CompareRank,
): Decision {
  if (says({ ...record, cells: there }, record)) return 'gives way'
  const { policy } = record.writer < owner.writer ? owner : record
  if (policy.policy === 'error') return 'open'
  if (policy.policy === 'keep' || policy.policy === 'update') {
    if (record.writer === owner.writer) return 'open'
    return record.writer > owner.writer === (policy.policy === 'update') ? 'takes over' : 'gives way'
  }
  if (!('column' in policy) || !record.cells.has(policy.column)) return 'open'
  const order = compareByPolicy(policy, record, { cells: there }, compare) ?? 0
  return order > 0 ? 'takes over' : order < 0 ? 'gives way' : 'open'
}

/** File order, then the bytes of the source key, then the part: an order that does not depend on a scan. */
export const compareRecords = (a: RecordId, b: RecordId): number =>
  a.writer - b.writer || Buffer.compare(a.key, b.key) || (a.part < b.part ? -1 : a.part > b.part ? 1 : 0)

export const sameRecord = (a: RecordId, b: RecordId): boolean => compareRecords(a, b) === 0
