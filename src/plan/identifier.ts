import type { Position } from '../diagnostic.ts'
import type { Notes } from './notes.ts'
import { quote } from './problem.ts'

/** Reports a name that Postgres would cut, or that kvmig's SQL would take apart; true for a good one. `what` is a noun: `table`. */
export function checkIdentifier(name: string, what: string, at: Position, notes: Notes): boolean {
  const before = notes.diagnostics.length
  refuse(name, what, at, notes)
  return notes.diagnostics.length === before
}

function refuse(name: string, what: string, at: Position, notes: Notes): void {
  const bytes = Buffer.byteLength(name)
  if (name === '') notes.error('KV041', at, `The name of the ${what} is empty.`)
  else if (bytes > MAX_BYTES)
    notes.error(
      'KV041',
      at,
      `The name of the ${what} has ${bytes} bytes; Postgres cuts names after ${MAX_BYTES}.`,
    )
  else if (name.includes('.'))
    notes.error('KV041', at, `The name of the ${what} ${quote(name)} holds a dot.`, DOTS[what] ?? undefined)
  else if (/ as /i.test(name) || name.trim() !== name || name.includes('"') || name.includes('\0'))
    notes.error(
      'KV041',
      at,
      `${quote(name)} cannot be the name of the ${what}.`,
      'Write the bare name; its case is kept, and it needs no quotes.',
    )
  else if (what === 'column' && SYSTEM_COLUMNS.has(name.toLowerCase()))
    notes.error('KV041', at, `Every table of Postgres has a system column "${name}".`, 'Choose another name.')
}

const MAX_BYTES = 63
const SYSTEM_COLUMNS = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'])
const DOTS: Readonly<Record<string, string>> = {
  table: 'Write { schema: app, table: users } in "into:", or "target_schema: app" in the project file.',
}

/** Reports schemas in which no application keeps its tables; true for a good one. */
export function checkSchema(schema: string, at: Position, notes: Notes): boolean {
  if (schema !== 'kvmig' && schema !== 'information_schema' && !schema.startsWith('pg_')) return true
  const owner = schema === 'kvmig' ? 'kvmig' : 'Postgres'
  notes.error('KV048', at, `The schema "${schema}" belongs to ${owner}.`, 'Choose another schema.')
  return false
}
