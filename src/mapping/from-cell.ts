import { readJson } from '../json/read-json.ts'
import type { ColumnType } from '../plan/table.ts'
import { CalendarDate, type Cell, Decimal, Instant, type Value } from '../value.ts'
import { realText } from './float.ts'

/** Turns a cell of a column back into the value it came from, in canonical form: numbers as the column holds them, NULL as null. */
export function fromCell(type: ColumnType): (cell: Cell) => Value {
  const convert = element(type)
  const present = type.array
    ? (cell: Cell) => (cell as readonly Cell[]).map((it) => (it === null ? null : convert(it)))
    : convert
  return (cell) => (cell === null ? null : present(cell))
}

// The table in value.ts says which cells a column has: the casts below are that table.
function element({ base }: ColumnType): (cell: Cell) => Value {
  switch (base) {
    case 'smallint':
    case 'integer':
    case 'bigint':
      return (cell) => new Decimal(String(cell))
    case 'numeric':
      return (cell) => new Decimal(cell as string)
    case 'real':
      return (cell) => new Decimal(realText(cell as number))
    case 'double precision':
      return (cell) => new Decimal(Object.is(cell, -0) ? '-0' : String(cell))
    case 'timestamptz':
    case 'timestamp':
      return (cell) => new Instant(cell as bigint)
    case 'date':
      return (cell) => new CalendarDate(cell as number)
    case 'json':
    case 'jsonb':
      return (cell) => readJson(cell as string)
    case 'vector':
      return (cell) => (cell as readonly number[]).map((it) => new Decimal(realText(it)))
    case 'char':
      return (cell) => (cell as string).replace(/ +$/, '')
    default:
      return (cell) => cell as string | boolean | Buffer
  }
}
