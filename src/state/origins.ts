import { createHash } from 'node:crypto'
import type { ColumnType } from '../plan/table.ts'
import { TupleWriter, tupleFields } from '../target/codec.ts'
import { builtInType } from '../target/column-types.ts'
import { byteaArray, textArray } from '../target/parameters.ts'
import type { Target } from '../target/target.ts'
import type { Origin, Origins, Rival, Rivals } from './ledger.ts'
import { readLedger } from './schema.ts'

/** Where rows came from, in tables kvmig.origin and kvmig.rival. */
export const origins = (target: Target): Origins => ({
  async copy(tx, table, origins) {
    const writer = new TupleWriter(COLUMNS.map(({ type }) => builtInType(type)))
    for (const { row, writer: name, key, part, state, existed } of origins) {
      writer.append([table, row, name, key, Buffer.from(part), state, existed])
    }
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
      `INSERT INTO kvmig.origin (target, row_key, writer, key, part, state, existed)
        SELECT $1, * FROM unnest($2::bytea[], $3::text[], $4::bytea[], $5::bytea[], $6::text[], $7::text[]::boolean[])
        ON CONFLICT (target, row_key) DO UPDATE
          SET writer = excluded.writer, key = excluded.key, part = excluded.part, state = excluded.state, existed = excluded.existed`,
      [
        table,
        ...columnsOf(each),
        textArray(each.map((it) => it.state)),
        textArray(each.map((it) => String(it.existed))),
      ],
    )
  },

  async find(tx, table, rowKeys) {
    const found: (Origin | undefined)[] = new Array(rowKeys.length).fill(undefined)
    const select = `SELECT k.n, ${ORIGIN} FROM unnest($2::bytea[]) WITH ORDINALITY AS k(row_key, n)
      JOIN kvmig.origin o ON o.target = $1 AND o.row_key = k.row_key`
    for await (const tuples of tx.copyOut(select, [table, byteaArray(rowKeys)])) {
      for (const tuple of tuples) {
        const [number, ...fields] = tupleFields(tuple)
        found[Number(number!.readBigInt64BE(0)) - 1] = readOrigin(fields)
      }
    }
    return found
  },

  async ofKey(tx, table, key) {
    const found: Origin[] = []
    const select = `SELECT ${ORIGIN} FROM kvmig.origin o WHERE o.target = $1 AND o.key = $2`
    for await (const tuples of tx.copyOut(select, [table, key]))
      found.push(...tuples.map((it) => readOrigin(tupleFields(it))))
    return found
  },

  async remove(tx, table, rowKeys) {
    for (const name of ['origin', 'rival']) {
      await tx.query(`DELETE FROM kvmig.${name} WHERE target = $1 AND row_key = ANY ($2::bytea[])`, [
        table,
        byteaArray(rowKeys),
      ])
    }
  },

  async open(tx, table, limit) {
    const found: Origin[] = []
    const select = `SELECT ${ORIGIN} FROM kvmig.origin o WHERE o.target = $1 AND o.state = 'open' ORDER BY o.row_key LIMIT $2`
    for await (const tuples of tx.copyOut(select, [table, limit]))
      found.push(...tuples.map((it) => readOrigin(tupleFields(it))))
    return found
  },

  contested: () =>
    readLedger(
      target,
      async (tx) => {
        const rows = await tx.query(
          `SELECT DISTINCT target FROM kvmig.origin WHERE state = 'open' ORDER BY target`,
        )
        return rows.map((it) => it.target!)
      },
      [],
    ),

  async clear(tx, table, writer, { merged } = { merged: false }) {
    if (writer === undefined) {
      for (const name of ['origin', 'rival'])
        await tx.query(`DELETE FROM kvmig.${name} WHERE target = $1`, [table])
      return
    }
    if (merged)
      await tx.query(
        `UPDATE kvmig.origin o SET state = 'open' FROM kvmig.rival r
          WHERE o.target = $1 AND o.state = 'stands' AND r.target = $1 AND r.row_key = o.row_key AND r.writer = $2`,
        [table, writer],
      )
    await tx.query('DELETE FROM kvmig.rival WHERE target = $1 AND writer = $2', [table, writer])
    // What is left of a fight is settled anew: by name it belongs to one of those who are left.
    await tx.query(
      `WITH heir AS (
        SELECT DISTINCT ON (r.row_key) r.* FROM kvmig.rival r JOIN kvmig.origin o USING (target, row_key)
        WHERE target = $1 AND o.writer = $2 ORDER BY r.row_key, r.writer, r.record_digest
      ), moved AS (
        UPDATE kvmig.origin o SET writer = h.writer, key = h.key, part = h.part, state = 'open' FROM heir h
        WHERE o.target = $1 AND o.row_key = h.row_key
      )
      DELETE FROM kvmig.rival r USING heir h
      WHERE r.target = $1 AND r.row_key = h.row_key AND r.writer = h.writer AND r.record_digest = h.record_digest`,
      [table, writer],
    )
    await tx.query('DELETE FROM kvmig.origin WHERE target = $1 AND writer = $2', [table, writer])
    await tx.query(`UPDATE kvmig.origin SET state = 'open' WHERE target = $1 AND state = 'contested'`, [
      table,
    ])
  },

  rivals,
})

const rivals: Rivals = {
  async add(tx, table, rivals) {
    if (rivals.length === 0) return
    await tx.query(
      `INSERT INTO kvmig.rival (target, row_key, writer, key, part, record_digest)
        SELECT $1, * FROM unnest($2::bytea[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[]) ON CONFLICT DO NOTHING`,
      [table, ...columnsOf(rivals), byteaArray(rivals.map(digest))],
    )
  },

  async remove(tx, table, rivals) {
    if (rivals.length === 0) return
    await tx.query(
      `DELETE FROM kvmig.rival r USING unnest($2::bytea[], $3::text[], $4::bytea[]) AS it(row_key, writer, digest)
        WHERE r.target = $1 AND (r.row_key, r.writer, r.record_digest) = (it.row_key, it.writer, it.digest)`,
      [
        table,
        byteaArray(rivals.map((it) => it.row)),
        textArray(rivals.map((it) => it.writer)),
        byteaArray(rivals.map(digest)),
      ],
    )
  },

  async of(tx, table, rowKeys) {
    const found: Rival[] = []
    if (rowKeys.length === 0) return found
    const select = `SELECT r.row_key, r.writer, r.key, r.part FROM unnest($2::bytea[]) AS k(row_key)
      JOIN kvmig.rival r ON r.target = $1 AND r.row_key = k.row_key`
    for await (const tuples of tx.copyOut(select, [table, byteaArray(rowKeys)])) {
      found.push(...tuples.map((it) => readRival(tupleFields(it))))
    }
    return found
  },

  async rows(tx, table, after, limit) {
    const found: Buffer[] = []
    const select = `SELECT DISTINCT row_key FROM kvmig.rival WHERE target = $1 AND row_key > $2 ORDER BY row_key LIMIT $3`
    for await (const tuples of tx.copyOut(select, [table, after, limit]))
      found.push(...tuples.map((it) => Buffer.from(tupleFields(it)[0]!)))
    return found
  },
}

const columnsOf = (rivals: readonly Rival[]): (Buffer | string)[] => [
  byteaArray(rivals.map((it) => it.row)),
  textArray(rivals.map((it) => it.writer)),
  byteaArray(rivals.map((it) => it.key)),
  byteaArray(rivals.map((it) => Buffer.from(it.part))),
]

const digest = ({ key, part }: Rival): Buffer =>
  createHash('sha256').update(`${key.length} `).update(key).update(part).digest()

const ORIGIN = 'o.row_key, o.writer, o.key, o.part, o.state, o.existed'

function readRival(fields: readonly (Buffer | null)[]): Rival {
  const [row, writer, key, part] = fields as Buffer[]
  return { row: row!, writer: writer!.toString(), key: key!, part: part!.toString() }
}

const TEXT: ColumnType = { base: 'text', array: false, sql: 'text' }
const BOOLEAN: ColumnType = { base: 'boolean', array: false, sql: 'boolean' }
const BYTES: ColumnType = { base: 'bytea', array: false, sql: 'bytea' }

const COLUMNS = [
  { name: 'target', type: TEXT },
  { name: 'row_key', type: BYTES },
  { name: 'writer', type: TEXT },
  { name: 'key', type: BYTES },
  { name: 'part', type: BYTES },
  { name: 'state', type: TEXT },
  { name: 'existed', type: BOOLEAN },
]

function readOrigin(fields: readonly (Buffer | null)[]): Origin {
  const [state, existed] = fields.slice(4) as Buffer[]
  return { ...readRival(fields), state: state!.toString() as Origin['state'], existed: existed![0] === 1 }
}
