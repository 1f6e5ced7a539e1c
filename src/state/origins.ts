import type { ColumnType } from '../plan/table.ts'
import { TupleWriter, tupleFields } from '../target/codec.ts'
import { builtInType } from '../target/column-types.ts'
import { byteaArray, textArray } from '../target/parameters.ts'
import type { Origin, Origins } from './ledger.ts'

/** Where rows came from, in table kvmig.origin. */
export const origins: Origins = {
  async copy(tx, table, origins) {
    const writer = new TupleWriter(COLUMNS.map(({ type }) => builtInType(type)))
    for (const { row, mapping, key, part } of origins) writer.append([table, row, mapping, key, Buffer.from(part)])
    await tx.copyIn(
      { schema: 'kvmig', table: 'origin' },
      COLUMNS.map((it) => it.name),
      [writer.all()],
    )
  },

  async save(tx, table, origins) {
    // The last of a row counts, and in one order: two that save the same rows wait for each other instead of blocking each other.
    const each = [...new Map(origins.map((it) => [it.row.toString('latin1'), it])).values()].sort((a, b) =>
      Buffer.compare(a.row, b.row),
    )
    if (each.length === 0) return
    await tx.query(
      `INSERT INTO kvmig.origin (target, row_key, mapping, key, part)
        SELECT $1, * FROM unnest($2::bytea[], $3::text[], $4::bytea[], $5::bytea[])
        ON CONFLICT (target, row_key) DO UPDATE SET mapping = excluded.mapping, key = excluded.key, part = excluded.part`,
      [
        table,
        byteaArray(each.map((it) => it.row)),
        textArray(each.map((it) => it.mapping)),
        byteaArray(each.map((it) => it.key)),
        byteaArray(each.map((it) => Buffer.from(it.part))),
      ],
    )
  },

  async find(tx, table, rowKeys) {
    const found: (Origin | undefined)[] = new Array(rowKeys.length).fill(undefined)
    const select = `SELECT k.n, o.row_key, o.mapping, o.key, o.part FROM unnest($2::bytea[]) WITH ORDINALITY AS k(row_key, n)
      JOIN kvmig.origin o ON o.target = $1 AND o.row_key = k.row_key`
    for await (const tuples of tx.copyOut(select, [table, byteaArray(rowKeys)])) {
      for (const tuple of tuples) {
        const [number, ...fields] = tupleFields(tuple)
        found[Number(number!.readBigInt64BE(0)) - 1] = readOrigin(fields)
      }
    }
    return found
  },

  async remove(tx, table, rowKeys) {
    await tx.query('DELETE FROM kvmig.origin WHERE target = $1 AND row_key = ANY ($2::bytea[])', [
      table,
      byteaArray(rowKeys),
    ])
  },

  async *all(tx, table) {
    for await (const tuples of tx.copyOut(
      'SELECT row_key, mapping, key, part FROM kvmig.origin WHERE target = $1',
      [table],
    )) {
      yield tuples.map((it) => readOrigin(tupleFields(it)))
    }
  },

  async clear(tx, table, mapping) {
    await tx.query('DELETE FROM kvmig.origin WHERE target = $1 AND mapping = coalesce($2, mapping)', [
      table,
      mapping ?? null,
    ])
  },

  async forgive(tx, table) {
    await tx.query("DELETE FROM kvmig.origin WHERE target = $1 AND mapping = ''", [table])
  },
}

const TEXT: ColumnType = { base: 'text', array: false, sql: 'text' }
const BYTES: ColumnType = { base: 'bytea', array: false, sql: 'bytea' }

const COLUMNS = [
  { name: 'target', type: TEXT },
  { name: 'row_key', type: BYTES },
  { name: 'mapping', type: TEXT },
  { name: 'key', type: BYTES },
  { name: 'part', type: BYTES },
]

function readOrigin(fields: readonly (Buffer | null)[]): Origin {
  const [row, mapping, key, part] = fields as Buffer[]
  return { row: row!, mapping: mapping!.toString(), key: key!, part: part!.toString() }
}
