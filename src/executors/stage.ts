import type { TableName } from '../plan/table.ts'
import { builtInType } from '../target/column-types.ts'
import { qualified, quote } from '../target/ddl.ts'
import { castSql, createStage, type StageColumn, stagedValues } from '../target/stage.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Comparison } from './resolve.ts'

const N = 'kvmig_n'

/**
 * Rows of a batch beside their table, each with its number in the batch: here they can be compared with what is there, and written one by
 * one where a batch as a whole is refused. A temporary table that is gone when its transaction ends, so that poolers do not matter.
 */
export class Stage {
  readonly #tx: Transaction
  readonly #into: TableRows
  readonly #name: string

  private constructor(tx: Transaction, into: TableRows, name: string) {
    this.#tx = tx
    this.#into = into
    this.#name = name
  }

  /** `tuples` are encoded rows of `into.columns`; row `i` gets the number `numbers[i]`. */
  static async create(
    tx: Transaction,
    into: TableRows,
    name: string,
    tuples: readonly Buffer[],
    numbers: readonly number[],
  ): Promise<Stage> {
    await createStage(tx, name, [...into.wires, NUMBER])
    await tx.copyIn(
      { temporary: name },
      [...into.columnNames, N],
      tuples.map((tuple, index) => withNumber(tuple, numbers[index]!)),
    )
    return new Stage(tx, into, name)
  }

  /** For every staged row whose key is in the table: is it the same row, and how does `rank` compare with the row that is there? */
  async existing(rank: string | undefined): Promise<ReadonlyMap<number, { same: boolean; rank: Comparison }>> {
    const same = this.#into.wires
      .map((it) => `${comparable('t', it, '')} IS NOT DISTINCT FROM ${comparable('s', it, castSql(it.wire))}`)
      .join(' AND ')
    const more = rank ? `s.${quote(rank)} > t.${quote(rank)}` : 'NULL::pg_catalog.bool'
    const less = rank ? `s.${quote(rank)} < t.${quote(rank)}` : 'NULL::pg_catalog.bool'
    const rows = await this.#tx.query(
      `SELECT s.${N}, (${same})::pg_catalog.text AS same, CASE WHEN ${more} THEN 'more' WHEN ${less} THEN 'less' WHEN ${rank ? `s.${quote(rank)} = t.${quote(rank)}` : 'false'} THEN 'equal' ELSE 'unknown' END AS rank
       FROM ${this.#from} JOIN ${qualified(this.#into.name)} t ON ${this.#onKey}`,
    )
    return new Map(rows.map((it) => [Number(it[N]), { same: it.same === 'true', rank: it.rank as Comparison }]))
  }

  async insert(numbers: readonly number[]): Promise<void> {
    const names = this.#into.columnNames.map(quote).join(', ')
    await this.#tx.query(
      `INSERT INTO ${qualified(this.#into.name)} (${names}) ${this.#overriding} SELECT ${stagedValues('s', this.#into.wires)} FROM ${this.#from} WHERE s.${N} = ANY ($1::pg_catalog.int4[]) ORDER BY s.${N}`,
      [`{${numbers.join(',')}}`],
    )
  }

  async update(numbers: readonly number[]): Promise<void> {
    const keys = new Set(this.#into.key.map((it) => it.name))
    const others = this.#into.wires.filter((it) => !keys.has(it.name))
    if (others.length === 0) return
    await this.#tx.query(
      `UPDATE ${qualified(this.#into.name)} t SET ${others.map((it) => `${quote(it.name)} = ${this.#value(it)}`).join(', ')} FROM ${this.#from} WHERE ${this.#onKey} AND s.${N} = ANY ($1::pg_catalog.int4[])`,
      [`{${numbers.join(',')}}`],
    )
  }

  /** Takes the rows with these keys out of the table. */
  async delete(numbers: readonly number[]): Promise<void> {
    await this.#tx.query(
      `DELETE FROM ${qualified(this.#into.name)} t USING ${this.#from} WHERE ${this.#onKey} AND s.${N} = ANY ($1::pg_catalog.int4[])`,
      [`{${numbers.join(',')}}`],
    )
  }

  /** The staged rows among `numbers` whose reference has nothing to point at. */
  async orphans(
    numbers: readonly number[],
    reference: { readonly columns: readonly string[]; readonly to: TableName; readonly toColumns: readonly string[] },
  ): Promise<readonly number[]> {
    const given = reference.columns.map((it) => `s.${quote(it)} IS NOT NULL`).join(' AND ')
    const match = reference.columns.map((it, index) => `p.${quote(reference.toColumns[index]!)} = s.${quote(it)}`).join(' AND ')
    const rows = await this.#tx.query(
      `SELECT s.${N} FROM ${this.#from} WHERE s.${N} = ANY ($1::pg_catalog.int4[]) AND ${given} AND NOT EXISTS (SELECT FROM ${qualified(reference.to)} p WHERE ${match})`,
      [`{${numbers.join(',')}}`],
    )
    return rows.map((it) => Number(it[N]))
  }

  get #from(): string {
    return `pg_temp.${quote(this.#name)} s`
  }

  get #onKey(): string {
    return this.#into.keyWires.map((it) => `t.${quote(it.name)} = ${this.#value(it)}`).join(' AND ')
  }

  get #overriding(): string {
    return this.#into.columns.some((it) => it.identity) ? 'OVERRIDING SYSTEM VALUE' : ''
  }

  #value(column: StageColumn): string {
    return stagedValues('s', [column])
  }
}

const NUMBER: StageColumn = {
  name: N,
  wire: builtInType({ base: 'integer', array: false, sql: 'integer' }),
}

// Types without equality (json), or whose equality calls different texts equal (1.0 and 1.00, 0 and -0), are compared as text.
function comparable(alias: string, { name, wire }: StageColumn, cast: string): string {
  const column = `${alias}.${quote(name)}${cast}`
  const asText = ['json', 'numeric', 'real', 'double precision', 'vector', 'other'].includes(wire.type.base)
  return asText ? `${column}::text` : column
}

// A binary COPY tuple starts with its number of fields (int16); a field is its length (int32) and its bytes.
function withNumber(tuple: Buffer, number: number): Buffer {
  const longer = Buffer.allocUnsafe(tuple.length + 8)
  tuple.copy(longer)
  longer.writeInt16BE(tuple.readInt16BE(0) + 1, 0)
  longer.writeInt32BE(4, tuple.length)
  longer.writeInt32BE(number, tuple.length + 4)
  return longer
}
