import { sqlTokens } from './sql-tokens.ts'
import type { ColumnDefinition } from './table.ts'

/**
 * What in a column's DEFAULT would be another value in every run: the clock, or chance. A sequence is neither, since a row keeps its
 * number. Undefined where there is nothing of the kind.
 */
export function changingDefault({ default: sql, identity, type }: ColumnDefinition): string | undefined {
  if (sql === undefined || identity) return undefined
  try {
    return sqlTokens(sql).find(
      ({ kind, text, word }) =>
        CHANGING.has(word) ||
        (kind === 'string' && TIMES.has(type.base) && /^'(now|today|tomorrow|yesterday)'$/i.test(text)),
    )?.text
  } catch {
    // SQL that cannot be read is another mistake.
    return undefined
  }
}

const TIMES: ReadonlySet<string> = new Set(['timestamptz', 'timestamp', 'date'])

const CHANGING: ReadonlySet<string> = new Set([
  'now',
  'current_timestamp',
  'current_date',
  'current_time',
  'localtimestamp',
  'localtime',
  'clock_timestamp',
  'statement_timestamp',
  'transaction_timestamp',
  'timeofday',
  'random',
  'random_normal',
  'gen_random_uuid',
  'gen_random_bytes',
  'uuid_generate_v1',
  'uuid_generate_v1mc',
  'uuid_generate_v4',
  'uuidv4',
  'uuidv7',
  'nanoid',
])
