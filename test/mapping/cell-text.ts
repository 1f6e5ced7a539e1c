import { dateText, instantText } from '../../src/calendar.ts'
import type { ColumnType } from '../../src/plan/table.ts'
import type { Cell } from '../../src/value.ts'

/** A cell as a literal that Postgres reads as its column's type: written down here once more, so that tests do not ask the code itself. */
export function cellText(cell: Cell, type: ColumnType): string | null {
  if (cell === null) return null
  if (type.array)
    return `{${(cell as readonly Cell[]).map((it) => element(cellText(it, { ...type, array: false }))).join()}}`
  if (type.base === 'timestamptz' || type.base === 'timestamp')
    return moment(cell as bigint, type.base === 'timestamptz' ? 'Z' : '')
  if (type.base === 'date') return era(dateText(cell as number))
  if (Buffer.isBuffer(cell)) return `\\x${cell.toString('hex')}`
  if (Array.isArray(cell)) return `[${cell.join()}]`
  return Object.is(cell, -0) ? '-0' : String(cell)
}

const element = (text: string | null): string =>
  text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`

function moment(micros: bigint, zone: string): string {
  const [date = '', time = ''] = instantText(micros).split('T')
  return era(date, ` ${time.replace('Z', '')}${zone}`)
}

/** Postgres has no year 0 and no signs: `-000043-03-15` is `0044-03-15 BC`. */
function era(date: string, time = ''): string {
  const match = /^([+-]?\d+)(-\d\d-\d\d)$/.exec(date)
  const year = Number(match?.[1])
  if (year > 0) return `${String(year).padStart(4, '0')}${match?.[2]}${time}`
  return `${String(1 - year).padStart(4, '0')}${match?.[2]}${time} BC`
}
