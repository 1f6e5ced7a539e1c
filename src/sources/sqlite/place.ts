import { SourceError } from '../../errors.ts'
import type { Cursor } from '../source.ts'
import type { Cell } from './file.ts'

/** Values up to which tables were read, by table. */
export type Marks = ReadonlyMap<string, Cell>

/** How far a scan is. */
export interface Reached {
  /** The table it is in, and what its last row is ordered by; undefined: at the end. */
  readonly at: { readonly table: string; readonly after: readonly Cell[] } | undefined
  /** What the scan before had reached: only rows from there on are read. */
  readonly since: Marks
  /** What this one will have reached. */
  readonly marks: Marks
}

export const START: Cursor = 'start'
export const END: Cursor = 'end'

export const BEGINNING: Reached = { at: undefined, since: new Map(), marks: new Map() }

/** A place as text. Where nobody watches for changes it is short, or `end`. */
export function showPlace({ at, since, marks }: Reached, goesOn: boolean): Cursor {
  if (!goesOn) return at ? pack([at.table, ...at.after.map(showCell)]) : END
  const tables = (it: Marks): Record<string, string> =>
    Object.fromEntries([...it].map(([table, cell]) => [table, showCell(cell)]))
  const place = at ? { at: [at.table, ...at.after.map(showCell)], since: tables(since) } : {}
  return pack({ ...place, marks: tables(marks) })
}

/** Reads it; `end` is undefined. A scan from where another one ended begins anew, with what has changed since. Throws SOURCE_CURSOR. */
export function readPlace(from: Cursor, label: string): Reached | undefined {
  if (from === START) return BEGINNING
  if (from === END) return undefined
  try {
    const read = JSON.parse(Buffer.from(from, 'base64url').toString())
    if (Array.isArray(read)) return { ...BEGINNING, at: readAt(read) }
    const marks = readMarks(read.marks)
    if (read.at === undefined) return { at: undefined, since: marks, marks: new Map() }
    return { at: readAt(read.at), since: readMarks(read.since), marks }
  } catch {
    throw new SourceError(
      'SOURCE_CURSOR',
      `What was kept as the place in ${label} is no place in a SQLite database.`,
    )
  }
}

const pack = (place: unknown): Cursor => Buffer.from(JSON.stringify(place)).toString('base64url')

function readAt([table, ...after]: readonly unknown[]): NonNullable<Reached['at']> {
  if (typeof table !== 'string' || after.length === 0) throw new Error('no place')
  return { table, after: after.map(readCell) }
}

const readMarks = (read: unknown): Marks =>
  new Map(Object.entries(read as object).map(([table, text]) => [table, readCell(text)]))

function showCell(cell: Cell): string {
  if (typeof cell === 'bigint') return `i${cell}`
  if (typeof cell === 'number') return `r${cell}`
  if (typeof cell === 'string') return `t${cell}`
  return `b${Buffer.from(cell ?? []).toString('base64')}`
}

function readCell(text: unknown): Cell {
  if (typeof text !== 'string' || !/^[irtb]/.test(text)) throw new Error('no value')
  const rest = text.slice(1)
  if (text[0] === 'i') return BigInt(rest)
  if (text[0] === 'r') return Number(rest)
  return text[0] === 't' ? rest : Buffer.from(rest, 'base64')
}
