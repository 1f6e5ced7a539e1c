import type { WireType } from './column-types.ts'
import { quote } from './ddl.ts'
import { textArray } from './parameters.ts'
import type { Transaction } from './target.ts'

/** A column of rows on their way into a table. */
export interface StageColumn {
  readonly name: string
  readonly wire: WireType
}

/**
 * Makes a temporary table for rows that cannot be copied straight into their table: some are there already, or a type has to be cast. It
 * goes with the transaction, as poolers want it.
 */
export async function createStage(
  tx: Transaction,
  stage: string,
  columns: readonly StageColumn[],
): Promise<void> {
  const definitions = columns.map(({ name, wire }) => `${quote(name)} ${stagedSql(wire)}`)
  await tx.query(`CREATE TEMPORARY TABLE ${quote(stage)} (${definitions.join(', ')}) ON COMMIT DROP`)
}

/** The stage's columns as the table wants them: `s."a", s."b"::public.citext`. */
export const stagedValues = (alias: string, columns: readonly StageColumn[]): string =>
  columns.map(({ name, wire }) => `${quote(alias)}.${quote(name)}${castSql(wire)}`).join(', ')

/** A table's columns as a tuple of `TupleWriter` has them: types that kvmig cannot write are compared as text. */
export const storedValues = (alias: string, columns: readonly StageColumn[]): string =>
  columns
    .map(({ name, wire }) => {
      const asText = wire.type.base === 'other' ? `::${stagedSql(wire)}` : ''
      return `${quote(alias)}.${quote(name)}${asText}`
    })
    .join(', ')

/** Can rows of these columns be copied straight into their table? */
export const isDirect = (columns: readonly StageColumn[]): boolean =>
  columns.every(({ wire }) => wire.type.base !== 'other')

/**
 * How Postgres itself writes texts of a type that kvmig has no codec for (inet `10.0.0.1` as `10.0.0.1/32`). Throws what Postgres
 * says to a text that is none of this type.
 */
export async function canonicalTexts(
  tx: Transaction,
  wire: WireType,
  texts: readonly (string | null)[],
): Promise<(string | null)[]> {
  const rows = await tx.query(
    `SELECT it::${wire.sql}::${stagedSql(wire)} AS it FROM unnest($1::text[]) WITH ORDINALITY AS t(it, n) ORDER BY n`,
    [textArray(texts)],
  )
  return rows.map(({ it }) => it!)
}

/** The type in which a `TupleWriter`'s cells can be sent: text, where it has no codec. */
export const stagedSql = ({ type, sql }: WireType): string =>
  type.base === 'other' ? (type.array ? 'text[]' : 'text') : sql

/** From there to the type itself. */
export const castSql = ({ type, sql }: WireType): string => (type.base === 'other' ? `::${sql}` : '')
