import type { TableName } from '../plan/table.ts'
import { tupleFields } from '../target/codec.ts'
import { builtInType } from '../target/column-types.ts'
import { qualified, quote } from '../target/ddl.ts'
import type { Refused } from '../target/halve.ts'
import { createStage, type StageColumn, stagedValues, storedValues } from '../target/stage.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'

const N = 'kvmig_n'

/**
 * Rows beside their table, each with a number: from here they can be written in any selection, where the table does not take all of them.
 * A temporary table that is gone when its transaction ends, so that poolers do not matter.
 */
export class Stage {
  readonly #tx: Transaction
  readonly #into: TableRows
  readonly #name: string
  readonly #resets: readonly string[]

  private constructor(tx: Transaction, into: TableRows, name: string, resets: readonly string[]) {
    this.#resets = resets
    this.#tx = tx
    this.#into = into
    this.#name = name
  }

  /**
   * `tuples` are encoded rows of `into.columns`; a row's number is its place among them. An update gives the columns in `resets` their
   * defaults.
   */
  static async create(
    tx: Transaction,
    into: TableRows,
    tuples: readonly Buffer[],
    resets: readonly string[] = [],
  ): Promise<Stage> {
    stages += 1
    const name = `kvmig_stage_${stages}`
    await createStage(tx, name, [...into.wires, NUMBER])
    await tx.copyIn({ temporary: name }, [...into.columnNames, N], tuples.map(withNumber))
    return new Stage(tx, into, name, resets)
  }

  async insert(numbers: readonly number[]): Promise<void> {
    const names = this.#into.columnNames.map(quote).join(', ')
    await this.#tx.query(
      `INSERT INTO ${qualified(this.#into.name)} (${names}) ${this.#overriding} SELECT ${stagedValues('s', this.#into.wires)} FROM ${this.#from} WHERE ${AMONG} ORDER BY s.${N}`,
      [list(numbers)],
    )
  }

  async update(numbers: readonly number[]): Promise<void> {
    const set = this.#set
    if (set === '') return
    await this.#tx.query(
      `UPDATE ${qualified(this.#into.name)} t SET ${set} FROM ${this.#from} WHERE ${this.#sameKey} AND ${AMONG}`,
      [list(numbers)],
    )
  }

  /** Writes rows one by one, and gives those that the table refuses. The loop runs in the server: there may be many of them. */
  async writeEach(
    numbers: readonly number[],
    how: 'insert' | 'update',
  ): Promise<ReadonlyMap<number, Refused>> {
    const { name, wires, columnNames } = this.#into
    const set = this.#set
    const write =
      how === 'insert'
        ? `INSERT INTO ${qualified(name)} (${columnNames.map(quote).join(', ')}) ${this.#overriding} VALUES (${stagedValues('s', wires)})`
        : `UPDATE ${qualified(name)} t SET ${set} WHERE ${this.#sameKey}`
    if (how === 'update' && set === '') return new Map()
    const refused = `pg_temp.${quote(`${this.#name}_refused`)}`
    await this.#tx.query(
      `CREATE TEMPORARY TABLE IF NOT EXISTS ${quote(`${this.#name}_refused`)} (n int, state text, col text, con text) ON COMMIT DROP;
      TRUNCATE ${refused};
      DO $kvmig$
      DECLARE s record; kvmig_state text; kvmig_column text; kvmig_constraint text;
      BEGIN
        FOR s IN SELECT * FROM pg_temp.${quote(this.#name)} r WHERE r.${N} = ANY ('${list(numbers)}') ORDER BY r.${N} LOOP
          BEGIN
            ${write};
          EXCEPTION WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded THEN
            GET STACKED DIAGNOSTICS kvmig_state = RETURNED_SQLSTATE, kvmig_column = COLUMN_NAME, kvmig_constraint = CONSTRAINT_NAME;
            INSERT INTO ${refused} VALUES (s.${N}, kvmig_state, kvmig_column, kvmig_constraint);
          END;
        END LOOP;
      END $kvmig$`,
    )
    const rows = await this.#tx.query(
      `SELECT n, state, nullif(col, '') AS col, nullif(con, '') AS con FROM ${refused}`,
    )
    return new Map(
      rows.map((it) => [
        Number(it.n),
        { sqlState: it.state ?? undefined, column: it.col ?? undefined, constraint: it.con ?? undefined },
      ]),
    )
  }

  /** SQL that is true for rows of the table, named by an alias, that have the key of one of these. */
  hasKeyOf(numbers: readonly number[]): (alias: string) => string {
    const same = this.#into.keyWires.map((it) => `${quote(it.name)} = ${this.#value(it)}`)
    return (alias) =>
      `EXISTS (SELECT FROM ${this.#from} WHERE s.${N} = ANY ('${list(numbers)}'::pg_catalog.int4[]) AND ${same.map((it) => `${alias}.${it}`).join(' AND ')})`
  }

  /** The same for rows with the values of one of these in some columns. */
  hasValuesOf(numbers: readonly number[], columns: readonly string[]): (alias: string) => string {
    return (alias) =>
      `EXISTS (SELECT FROM ${this.#from} WHERE s.${N} = ANY ('${list(numbers)}'::pg_catalog.int4[]) AND ${this.#sameValues(alias, columns)})`
  }

  /** Which rows of the table have the values of staged ones in these columns: number of the staged row, key tuple of the other. */
  async sharing(
    numbers: readonly number[],
    columns: readonly string[],
  ): Promise<readonly { readonly number: number; readonly key: Buffer }[]> {
    const found: { number: number; key: Buffer }[] = []
    const select = `SELECT s.${N}, ${storedValues('t', this.#into.keyWires)} FROM ${this.#from} JOIN ${qualified(this.#into.name)} t ON ${this.#sameValues('t', columns)} WHERE ${AMONG}`
    for await (const tuples of this.#tx.copyOut(select, [list(numbers)])) {
      for (const tuple of tuples)
        found.push({ number: tupleFields(tuple)[0]!.readInt32BE(0), key: withoutNumber(tuple) })
    }
    return found
  }

  /** The staged rows that have the values of another one in these columns, but for the first of each. */
  async repeated(numbers: readonly number[], columns: readonly string[]): Promise<readonly number[]> {
    const same = columns.map((it) => `e.${quote(it)} = s.${quote(it)}`).join(' AND ')
    const rows = await this.#tx.query(
      `SELECT s.${N} FROM ${this.#from} WHERE ${AMONG} AND EXISTS (SELECT FROM pg_temp.${quote(this.#name)} e WHERE ${same} AND e.${N} < s.${N} AND e.${N} = ANY ($1::pg_catalog.int4[]))`,
      [list(numbers)],
    )
    return rows.map((it) => Number(it[N]))
  }

  /**
   * The staged rows among `numbers` whose reference has nothing to point at. Rows of one statement may refer to each other: what hangs
   * together in the end is no orphan.
   */
  async orphans(
    numbers: readonly number[],
    {
      columns,
      to,
      toColumns,
    }: { readonly columns: readonly string[]; readonly to: TableName; readonly toColumns: readonly string[] },
  ): Promise<readonly number[]> {
    const given = columns.map((it) => `s.${quote(it)} IS NOT NULL`).join(' AND ')
    const match = columns
      .map((it, index) => `p.${quote(toColumns[index]!)} = ${this.#named(it)}`)
      .join(' AND ')
    const isItself = to.schema === this.#into.name.schema && to.table === this.#into.name.table
    const sibling = columns.map((it, index) => `p.${quote(toColumns[index]!)} = s.${quote(it)}`).join(' AND ')
    const staged = isItself
      ? `(SELECT min(p.${N}) FROM pg_temp.${quote(this.#name)} p WHERE ${sibling} AND p.${N} = ANY ($1::pg_catalog.int4[]))`
      : 'NULL'
    const rows = await this.#tx.query(
      `SELECT s.${N}, ${staged} AS parent FROM ${this.#from} WHERE ${AMONG} AND ${given} AND NOT EXISTS (SELECT FROM ${qualified(to)} p WHERE ${match})`,
      [list(numbers)],
    )
    const parents = new Map(
      rows.map((it) => [Number(it[N]), it.parent === null ? undefined : Number(it.parent)]),
    )
    const lost = new Set<number>()
    for (let before = -1; before < lost.size; ) {
      before = lost.size
      for (const [number, parent] of parents) if (parent === undefined || lost.has(parent)) lost.add(number)
    }
    return [...lost]
  }

  get #from(): string {
    return `pg_temp.${quote(this.#name)} s`
  }

  /** What an update writes: all but the key. */
  get #set(): string {
    const { key, wires } = this.#into
    const keys = new Set(key.map((it) => it.name))
    return [
      ...wires.flatMap((it) => (keys.has(it.name) ? [] : [`${quote(it.name)} = ${this.#value(it)}`])),
      ...this.#resets.map((it) => `${quote(it)} = DEFAULT`),
    ].join(', ')
  }

  get #sameKey(): string {
    return this.#into.keyWires.map((it) => `t.${quote(it.name)} = ${this.#value(it)}`).join(' AND ')
  }

  get #overriding(): string {
    return this.#into.columns.some((it) => it.identity) ? 'OVERRIDING SYSTEM VALUE' : ''
  }

  #sameValues(alias: string, columns: readonly string[]): string {
    return columns.map((it) => `${alias}.${quote(it)} = ${this.#named(it)}`).join(' AND ')
  }

  #named(column: string): string {
    return this.#value(this.#into.wires.find((it) => it.name === column)!)
  }

  #value(column: StageColumn): string {
    return stagedValues('s', [column])
  }
}

/** Temporary tables of one session, which a transaction may have several of. */
let stages = 0

const AMONG = `s.${N} = ANY ($1::pg_catalog.int4[])`

const list = (numbers: readonly number[]): string => `{${numbers.join(',')}}`

const NUMBER: StageColumn = {
  name: N,
  wire: builtInType({ base: 'integer', array: false, sql: 'integer' }),
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

// The same the other way round, for a number that comes first.
function withoutNumber(tuple: Buffer): Buffer {
  tuple.writeInt16BE(tuple.readInt16BE(0) - 1, 8)
  return tuple.subarray(8)
}
