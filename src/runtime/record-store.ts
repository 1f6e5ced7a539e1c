import { KvmigError } from '../errors.ts'
import { toCell } from '../mapping/column.ts'
import { showTable } from '../plan/table.ts'
import type { Entry } from '../sources/source.ts'
import { type Cell, RejectError, type Row } from '../value.ts'
import { unitName } from './caches.ts'
import type { Engine } from './engine.ts'
import { readSide } from './protocol.ts'
import type { Found } from './read-cache.ts'
import { nameOf, oneWay, type RecordKind } from './record-kind.ts'
import type { Entered } from './route-watcher.ts'
import type { Shadow } from './shadow.ts'
import { fromCell, type JsValue, toValue } from './values.ts'

/** A row by column name, as the application gives and gets it (`JsValue`). */
export type Columns = Readonly<Record<string, unknown>>

/**
 * The records of one mapping, as rows. Where they are read and written is the plan's route's business: the application does not know, and
 * does not change when it does.
 */
export interface Store<
  R extends object = Record<string, JsValue>,
  K extends object = Partial<R>,
  I extends object = R,
> {
  /** The row with this key (the columns of the mapping's key); undefined where there is none, or where it has expired. */
  get(key: K): Promise<R | undefined>
  /**
   * Writes a row over what has its key. Columns left out take what the mapping gives for a missing value. Throws REJECTED for what the
   * target cannot hold or the source could not give back, WRITE_REFUSED, WRITE_UNCONFIRMED and WRITE_UNKNOWN.
   */
  put(row: I): Promise<void>
  delete(key: K): Promise<void>
}

export interface RecordStoreParts {
  readonly kind: RecordKind
  readonly engine: Engine
  readonly shadow: Shadow
  /** What `USE_POSTGRES_<PLAN>` says. */
  readonly forced: 'source' | 'target' | undefined
  readonly readThrough: boolean
  /** Is this entry really the mapping's, or does another rule come first? */
  readonly claims: (entry: Entry) => boolean
}

export function recordStore(parts: RecordStoreParts): Store {
  const { kind, engine, shadow } = parts
  const { columns, keyIndexes, table, mapping } = kind.compiled
  const required = new Set([...table.primaryKey, ...mapping.key])
  const converters = columns.map((it) => toCell(it, it.notNull || required.has(it.name)))
  const names = new Set(columns.map((it) => it.name))
  const { recorder, watcher } = engine.options

  const cellOf = (index: number, value: unknown): Cell => {
    const column = columns[index]!
    try {
      return converters[index]!(toValue(column.type, value))
    } catch (error) {
      if (error instanceof RejectError) throw rejected(kind, error.code, error.message, column.name)
      throw error
    }
  }
  const keyCells = (key: Columns): Row =>
    keyIndexes.map((index) => {
      const { name } = columns[index]!
      if (key[name] === undefined) throw missingKey(kind, name)
      return cellOf(index, key[name])
    })
  const toColumns = (row: Row): Record<string, JsValue> =>
    Object.fromEntries(columns.map(({ name, type }, index) => [name, fromCell(type, row[index]!)]))

  const fromSource = async (key: Row): Promise<Found<Row> | undefined> => {
    const store = await engine.options.live(kind.source)
    const place = kind.placeOf(key)
    recorder.count(kind.plan, 'source.read')
    const [record] = await recorder.time(kind.plan, 'source', 'get', () => store.read([place]))
    if (!record?.entry) return undefined
    const made = kind.forward(place, record.entry)
    if (made.fate === 'rejected')
      throw rejected(kind, made.reject.code, made.reject.message, made.reject.column)
    if (made.fate !== 'row') return undefined
    // For how long it lasts, the source's clock says: such a record is not kept.
    const lasts = record.entry.expiresAt === null ? {} : { lastsMillis: 0 }
    return { value: made.row, stamp: { version: record.version }, ...lasts }
  }
  const fromTarget = (key: Row): Promise<Row | undefined> =>
    recorder.time(kind.plan, 'target', 'get', () => engine.rows.read(kind, key))
  const toKeep = (key: Row): Promise<Found<Row> | undefined> =>
    recorder.time(kind.plan, 'target', 'get', () => engine.rows.readStamped(kind, key, kind.placeOf(key)))

  const get = async (key: Row): Promise<Row | undefined> => {
    const entered = await watcher.enter(kind.plan, 'read')
    try {
      const side = parts.forced ?? readSide(entered.phase)
      // Before the catch-up rows may be as old as the copy: the source decides.
      const isCaughtUp = entered.phase === 'B' && !entered.rollout
      if (side === 'source' && parts.readThrough && isCaughtUp) {
        const row = await fromTarget(key)
        if (row) return row
        const there = (await fromSource(key))?.value
        if (there && (await engine.copy(kind, kind.placeOf(key)))) recorder.count(kind.plan, 'read_through')
        return there
      }
      const row = await read(key, side, entered)
      if (entered.phase === 'B' || entered.phase === 'C')
        shadow.maybe(() => ({ kind, place: kind.placeOf(key) }))
      return row
    } finally {
      entered.leave()
    }
  }

  const read = async (key: Row, side: 'source' | 'target', entered: Entered): Promise<Row | undefined> => {
    const cache = engine.options.caches.of(kind.plan, entered)
    if (!cache) return side === 'source' ? (await fromSource(key))?.value : await fromTarget(key)
    const unit = unitName(kind.placeOf(key))
    const known = cache.get(unit, entered.epoch)
    recorder.count(kind.plan, known ? 'cache.hit' : 'cache.miss')
    if (known) return known.map(ownCell)
    const keep = cache.fill(unit, entered.epoch)
    let found: Found<Row> | undefined
    try {
      found = await (side === 'source' ? fromSource(key) : toKeep(key))
    } finally {
      keep(found)
    }
    return found?.value.map(ownCell)
  }

  return {
    async get(key) {
      const cells = keyCells(key as Columns)
      const row = await recorder.time(kind.plan, 'call', 'get', () => get(cells))
      return row && toColumns(row)
    },

    async put(given) {
      const row = given as Columns
      for (const name of Object.keys(row)) if (!names.has(name)) throw unknownColumn(kind, name)
      if (!kind.changeOf) throw oneWay(kind)
      const cells = columns.map(({ name }, index) =>
        row[name] === undefined ? null : cellOf(index, row[name]),
      )
      const key = keyIndexes.map((it) => cells[it]!)
      keyCells(row)
      const place = kind.placeOf(key)
      const change = kind.changeOf(cells)
      if (change.do !== 'put') throw new Error('a row was made into no put')
      const entry: Entry = {
        key: place.key,
        type: change.value.type,
        value: change.value,
        expiresAt: change.expiresAt,
        offset: 0,
        more: false,
      }
      // What the source will hold is mapped again: the row is what everybody else will make of it.
      if (!parts.claims(entry)) throw notOurs(kind)
      const made = kind.forward(place, entry)
      if (made.fate === 'rejected')
        throw rejected(kind, made.reject.code, made.reject.message, made.reject.column)
      if (made.fate === 'filtered') throw notOurs(kind)
      for (const [index, { name }] of columns.entries()) {
        if (row[name] === undefined || sameCell(cells[index]!, made.row[index]!)) continue
        throw rejected(
          kind,
          'LOSSY_PRECISION',
          'The source would give this value back as another one: the mapping changes it on its way.',
          name,
        )
      }
      await recorder.time(kind.plan, 'call', 'put', () =>
        engine.write(kind.plan, [{ kind, place, row: made.row, change }]),
      )
    },

    async delete(key) {
      const place = kind.placeOf(keyCells(key as Columns))
      await recorder.time(kind.plan, 'call', 'delete', () =>
        engine.write(kind.plan, [{ kind, place, row: undefined, change: { do: 'delete' } }]),
      )
    },
  }
}

/** A cell that whoever gets it may change. */
const ownCell = (cell: Cell): Cell => {
  if (Buffer.isBuffer(cell)) return Buffer.from(cell)
  return Array.isArray(cell) ? cell.map(ownCell) : cell
}

function sameCell(a: Cell, b: Cell): boolean {
  if (Buffer.isBuffer(a) && Buffer.isBuffer(b)) return a.equals(b)
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((it, index) => sameCell(it, b[index]))
  return Object.is(a, b)
}

const rejected = (kind: RecordKind, code: string, message: string, column?: string): KvmigError =>
  new KvmigError(
    'REJECTED',
    `${nameOf(kind)}${column === undefined ? '' : `, column ${column}`}: ${message} (${code})`,
  )

const missingKey = (kind: RecordKind, name: string): KvmigError =>
  new KvmigError('KEY_MISSING', `${nameOf(kind)}: the key has no ${name}.`, {
    hint: `Its columns are ${kind.compiled.mapping.key.join(', ')}.`,
  })

const unknownColumn = (kind: RecordKind, name: string): KvmigError =>
  new KvmigError(
    'COLUMN_UNKNOWN',
    `${nameOf(kind)} fills no column ${name} of ${showTable(kind.compiled.table.name)}.`,
    { hint: `It fills ${kind.compiled.columns.map((it) => it.name).join(', ')}.` },
  )

const notOurs = (kind: RecordKind): KvmigError =>
  new KvmigError(
    'NOT_CLAIMED',
    `No rule, or another one than ${nameOf(kind)}, would take this record by its key and content.`,
    {
      hint: 'Look at its match and where, and at the rules before it.',
    },
  )
