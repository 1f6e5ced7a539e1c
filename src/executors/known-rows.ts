import { KeySet, MOST_KEYS } from '../key-set.ts'
import { fieldAt, type TupleWriter } from '../target/codec.ts'
import { qualified } from '../target/ddl.ts'
import { scanRows } from '../target/read-rows.ts'
import { hashRow, ROW_HASH } from '../target/row-hash.ts'
import { hashesRows, hashRows } from '../target/row-sums.ts'
import { keyTupleOf, type TableRows } from '../target/table-rows.ts'
import type { Target } from '../target/target.ts'

/**
 * The rows that were in a table when it was read, as a 64-bit hash each: a second run need not look up what is there as it should be. Rows
 * beyond the number that such a set holds are not known, and are looked up. Memory is bounded.
 */
export class KnownRows {
  readonly #table: Pick<TableRows, 'keyIndexes'>
  readonly #rows: KeySet
  /** Keys of rows that are about to be written: what was known of them does not hold any more. */
  readonly #changed = new KeySet()

  /** Undefined for a table in which writing one row may take another one out: there more than one thing has to be unique. */
  static async read(target: Target, table: TableRows): Promise<KnownRows | undefined> {
    return target.transaction(async (tx) => {
      const [unique] = await tx.query(
        `SELECT count(*) AS indexes FROM pg_catalog.pg_index WHERE indrelid = $1::pg_catalog.regclass AND (indisunique OR indisexclusion)`,
        [qualified(table.name)],
      )
      if (Number(unique!.indexes) > 1) return undefined
      const known = new KeySet()
      if (await hashesRows(target, tx, table.wires)) {
        const rows = { table: table.name, from: `${qualified(table.name)} t`, parameters: [] }
        for await (const hashes of hashRows(tx, rows, { columns: table.wires, most: MOST_KEYS }))
          for (let at = 0; at < hashes.length; at += 8)
            known.addHash(hashes.readUInt32BE(at), hashes.readUInt32BE(at + 4))
      } else {
        for await (const rows of scanRows(tx, table.name, table.wires)) {
          for (const row of rows) {
            hashRow(row, 0, [])
            known.addHash(ROW_HASH[0]!, ROW_HASH[1]!)
          }
        }
      }
      return new KnownRows(table, known)
    }, PATIENTLY)
  }

  private constructor(table: Pick<TableRows, 'keyIndexes'>, rows: KeySet) {
    this.#table = table
    this.#rows = rows
  }

  /** Is the last row of the writer there? One that is not will be written, and is not known from then on, whatever comes of its key. */
  holds(tuples: TupleWriter): boolean {
    const last = tuples.count - 1
    const start = tuples.startOf(last)
    hashRow(tuples.memory, start, [])
    const isThere = this.#rows.hasHash(ROW_HASH[0]!, ROW_HASH[1]!)
    if (isThere && this.#changed.size === 0) return true
    const key = this.#keyAt(tuples, start)
    if (isThere && this.#changed.exact && !this.#changed.has(key.bytes, key.start, key.end)) return true
    this.#changed.add(key.bytes, key.start, key.end)
    return false
  }

  #keyAt(tuples: TupleWriter, start: number): { bytes: Buffer; start: number; end: number } {
    const [only, ...more] = this.#table.keyIndexes
    if (only !== undefined && more.length === 0) {
      const bytes = tuples.memory
      const at = fieldAt(bytes, start, only)
      return { bytes, start: at, end: at + 4 + Math.max(0, bytes.readInt32BE(at)) }
    }
    const bytes = keyTupleOf(this.#table, tuples.tuple(tuples.count - 1))
    return { bytes, start: 0, end: bytes.length }
  }
}

/** One statement goes over the whole table. */
const PATIENTLY = { statementMillis: 0 } as const
