import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where we answer otherwise than the corpus, and why. A case leaves this list by agreeing, or the list fails. */
export const DISAGREEMENTS: Readonly<Record<string, { readonly ours: string; readonly because: string }>> = {
  'jsonb/scalar_null': {
    ours: 'stores NULL',
    because:
      'The language has one rule for null, in every column: it is NULL, and NULL_NOT_ALLOWED where that cannot be. The row is there because the key was, so the null can be told from a missing key and be written back.',
  },
  'keys/json_looking_ids': {
    ours: 'wants {id:rest}',
    because:
      'One of the ids, {"a":1}, holds a colon, which {id} does not cross (keys/extra_segment says so too): the pattern has to say rest.',
  },
  'keys/bare_json_looking_keys': { ours: 'wants {id:rest}', because: 'The same id with a colon.' },
  'keys/uuid_case_collision': {
    ours: 'makes one row of two records that agree',
    because:
      'A mapping sees one entry at a time; when they are loaded, records that agree are one row, and others are both quarantined (test/loading/bad-input.test.ts).',
  },
}

/** The corpus's names of reasons that we call otherwise. */
export const REASONS: Readonly<Record<string, string>> = {
  NUL_IN_KEY: 'NUL_IN_TEXT',
  EMPTY_KEY_SEGMENT: 'CAPTURE_TYPE',
  TIMESTAMP_OUT_OF_RANGE: 'TIMESTAMP_IMPLAUSIBLE',
}

export interface Expectation {
  readonly action: 'store' | 'quarantine' | 'any_of' | 'no_row'
  readonly stored?: string | null | { readonly sha256: string; readonly length: number }
  readonly reason?: string | readonly string[]
  readonly choices?: readonly Expectation[]
}

export interface Case<M, E = Expectation> {
  readonly id: string
  readonly source: { readonly setup: readonly (readonly string[])[] }
  readonly mapping: M
  readonly expect: E
}

export const read = <T>(name: string): readonly T[] =>
  readFileSync(join(import.meta.dirname, 'bad-input', name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

export const fromBase64 = (text = ''): Buffer => Buffer.from(text, 'base64')

export interface ValueMapping {
  readonly codec: 'text' | 'json' | 'bytes'
  readonly path?: string
  readonly pg_type: string
  readonly nullable?: boolean
  readonly from?: 'iso8601' | 'epoch_s' | 'epoch_ms' | 'epoch_us'
  readonly options?: { readonly expect?: string }
}

  const TRANSFORMS: Readonly<Record<string, string>> = {
    bigint: 'int',
    smallint: 'int',
    numeric: 'decimal',
    'numeric(10,2)': 'decimal',
    'double precision': 'float',
    real: 'float',
    boolean: 'bool',
    date: 'date',
  }

  /** A plan with one mapping from `bad:{id:rest}` into table `t`, which has the value as `v`. */
export function planOf(mapping: ValueMapping, match = 'bad:{id:rest}', table = 't'): string {
  return `mappings:
${ruleOf(mapping, match, table)}
tables:
${tableOf(mapping, table)}
`
}

export function ruleOf({ codec, path, pg_type: type, from, options }: ValueMapping, match: string, table: string): string {
    const root =
      path === undefined || path === '$'
        ? options?.expect === 'object'
          ? 'anything'
          : '$value'
        : path.slice(2)
    const transform =
      from === 'iso8601' && type === 'timestamptz'
        ? 'iso'
        : from && from !== 'iso8601'
          ? from
          : codec === 'text'
            ? TRANSFORMS[type]
            : undefined
    return `  - match: ${match}
    type: string
    decode: ${codec === 'text' ? 'utf8' : codec}
    into: ${table}
    fields: { id: $id, v: "${root}${transform ? ` | ${transform}` : ''}" }
    unmapped: { drop: all, because: not what is tested }`
}

export const tableOf = ({ pg_type: type, nullable }: ValueMapping, table: string): string =>
  `  ${table}: { columns: { id: text, v: '${type}${nullable === false ? ' not null' : ''}' }, primary_key: [id] }`

/** What is not as expected, or nothing: `code` of the reject, or what the column holds. */
export function problem(code: string | undefined, found: string | null | undefined, expectation: Expectation): string {
  if (expectation.action === 'any_of') {
    const problems = (expectation.choices ?? []).map((it) => problem(code, found, it))
    return problems.includes('') ? '' : problems.join(' or ')
  }
  if (expectation.action === 'quarantine') {
    const reasons = [expectation.reason ?? []].flat().map((it) => REASONS[it] ?? it)
    return code !== undefined && reasons.includes(code)
      ? ''
      : `expected ${reasons}, found ${code ?? 'a row'}`
  }
  if (code !== undefined) return `expected a row, found ${code}`
  const { stored } = expectation
  if (stored && typeof stored === 'object') {
    const digest = createHash('sha256')
      .update(found ?? '')
      .digest('hex')
    return digest === stored.sha256 ? '' : 'another text is stored'
  }
  return found === stored ? '' : `expected ${stored}, stored ${found}`
}

export interface KeyMapping {
  readonly key_pattern: string
  readonly pg_type: string
  readonly id_type: string
}
export interface KeyExpectation {
  readonly matched_keys: readonly string[]
  readonly rows: readonly { readonly key: string; readonly id: string }[]
  readonly quarantine: readonly { readonly key: string; readonly reason: string }[]
}

/** The language's word for bigint is int; see DISAGREEMENTS for rest. */
export const patternOf = (id: string, source: string): string =>
  DISAGREEMENTS[id]?.ours === 'wants {id:rest}'
    ? source.replace('{id}', '{id:rest}')
    : source.replace(':bigint}', ':int}')
