import type { IndexDefinition, TableDefinition } from '../table.ts'
import { byText, type Pass, place } from './pass.ts'

/** Extensions that kvmig's own tables and their indexes need, and those that the project wants where the server has them. */
export const addExtensions: Pass = ({ tables, project }) => {
  const needed = new Set(tables.flatMap(({ definition }) => extensionsOf(definition)))
  const wanted = project.extensions.filter((it) => !needed.has(it))
  return {
    steps: [...needed, ...wanted].sort(byText).map((extension) => ({
      ...place(undefined, 'extension', extension),
      extension,
      ...(needed.has(extension) ? {} : { optional: true as const }),
    })),
  }
}

/** By the names of types, index methods, operator classes and functions. The application's own tables brought theirs along. */
export function extensionsOf(table: TableDefinition): readonly string[] {
  if (table.owner === 'schema') return []
  const columns = table.columns.map(({ sql }) => sql)
  const indexes = table.indexes.map(indexText)
  const texts = [...columns, ...table.checks, ...indexes].map(unquoted)
  return SIGNS.flatMap(([extension, sign]) => (texts.some((it) => sign.test(it)) ? [extension] : []))
}

const SIGNS: readonly (readonly [string, RegExp])[] = [
  ['vector', /\b(?:vector|halfvec|sparsevec)\s*(?:\(|\[|$|\s)|\b(?:ivfflat|hnsw|vector_\w+_ops)\b/i],
  ['pg_trgm', /\bg(?:in|ist)_trgm_ops\b/i],
  ['citext', /\bcitext\b/i],
  ['hstore', /\bhstore\b/i],
  ['ltree', /\bl(?:tree|query|txtquery)\b/i],
  ['postgis', /\b(?:geometry|geography)\b/i],
  ['uuid-ossp', /\buuid_generate_v\w+\s*\(/i],
  ['pgcrypto', /\b(?:gen_random_bytes|gen_salt|crypt)\s*\(/i],
  ['unaccent', /\bunaccent\s*\(/i],
]

const indexText = ({ columns, using, where }: IndexDefinition): string =>
  `${using ?? ''} ${columns.join(' ')} ${where ?? ''}`

// What stands in a literal or is a quoted name is nobody's type.
const unquoted = (sql: string): string => sql.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"/g, ' ')
