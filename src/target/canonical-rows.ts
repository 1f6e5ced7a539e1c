import type { Cell, Row } from '../value.ts'
import type { WireType } from './column-types.ts'
import { halve, type Refused } from './halve.ts'
import { canonicalTexts, type StageColumn } from './stage.ts'
import type { Transaction } from './target.ts'

export interface Canonical {
  readonly rows: readonly Row[]
  /** By place among the rows: which column holds a text that its type does not take, and what Postgres said to it. */
  readonly refused: ReadonlyMap<number, { readonly column: string; readonly error: Refused }>
}

/**
 * Rows whose columns of types that kvmig has no codec for (inet, citext, a domain) hold what Postgres itself would write, so that they can
 * be compared with what is stored. Needs no writing transaction.
 */
export async function canonicalRows(
  tx: Transaction,
  columns: readonly StageColumn[],
  rows: readonly Row[],
): Promise<Canonical> {
  const others = columns.flatMap(({ wire }, index) => (wire.type.base === 'other' ? [index] : []))
  const refused = new Map<number, { column: string; error: Refused }>()
  if (others.length === 0 || rows.length === 0) return { rows, refused }
  const made: Cell[][] = rows.map((row) => [...row])
  for (const index of others) {
    const { name, wire } = columns[index]!
    const given = [...rows.keys()].filter((place) => !refused.has(place) && rows[place]![index] !== null)
    await halve(tx, given, {
      work: async (places) => {
        const cells = await canonicalCells(
          tx,
          wire,
          places.map((place) => rows[place]![index]!),
        )
        for (const [at, place] of places.entries()) made[place]![index] = cells[at]!
      },
      refuse: (place, error) => refused.set(place, { column: name, error }),
    })
  }
  return { rows: made, refused }
}

// Casts: cells of type `other` are texts, or lists of texts.
async function canonicalCells(
  tx: Transaction,
  { type, oid, sql }: WireType,
  cells: readonly Cell[],
): Promise<readonly Cell[]> {
  if (!type.array) return canonicalTexts(tx, { type, oid, sql }, cells as readonly string[])
  const element = { type: { ...type, array: false }, oid, sql: sql.replace(/\[\]$/, '') }
  const lists = cells as readonly (readonly (string | null)[])[]
  const texts = await canonicalTexts(tx, element, lists.flat())
  let at = 0
  return lists.map((list) => {
    at += list.length
    return texts.slice(at - list.length, at)
  })
}
