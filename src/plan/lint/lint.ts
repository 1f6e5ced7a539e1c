import { conditions } from './conditions.ts'
import { examples } from './examples.ts'
import { expressions } from './expressions.ts'
import { gates } from './gates.ts'
import { mappingKeys } from './mapping-keys.ts'
import { mappingTables } from './mapping-tables.ts'
import { merges } from './merges.ts'
import { overlaps } from './overlaps.ts'
import { planNames } from './plan-names.ts'
import { queries } from './queries.ts'
import { records } from './records.ts'
import type { LintRule, LintScope } from './scope.ts'
import { sequences } from './sequences.ts'
import { shadows } from './shadows.ts'
import { tables } from './tables.ts'
import { upkeep } from './upkeep.ts'

const RULES: readonly LintRule[] = [
  planNames, // unique, `after` and `source` exist, no circles
  tables, // columns of keys, indexes and references exist
  upkeep, // expiry and partitions
  mappingTables, // `into` and the columns of `fields` exist, NOT NULL is filled
  mappingKeys, // `key` identifies rows, `conflict` can decide
  sequences, // counters set sequences that are there
  merges, // `merge` fits its columns, `write` stands once
  records, // type, each and decode fit together
  expressions, // kinds fit transforms and columns
  conditions, // CEL
  shadows, // rules that no key can reach
  overlaps, // plans that claim the same keys
  queries,
  gates,
  examples,
]

/** Everything that can be said about a project without opening a store. */
export function lint(scope: LintScope): void {
  for (const rule of RULES) rule(scope)
}
