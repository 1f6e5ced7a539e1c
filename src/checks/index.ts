import type { OptionSignature } from '../plan/catalog.ts'
import type { Check } from './check.ts'
import { coverage } from './coverage.ts'
import { full } from './full.ts'
import { indexUse } from './index-use.ts'
import { orphans } from './orphans.ts'
import { quarantine } from './quarantine.ts'
import { recency } from './recency.ts'
import { rowCount } from './row-count.ts'
import { sample } from './sample.ts'
import { sequences } from './sequences.ts'
import { uniqueKeys } from './unique-keys.ts'
import { unmapped } from './unmapped.ts'

/** Every check there is, by the word that plans use, in the order in which they are asked and told. */
export const CHECKS: ReadonlyMap<string, Check> = new Map(
  [
    coverage,
    unmapped,
    rowCount,
    full,
    sample,
    recency,
    orphans,
    indexUse,
    uniqueKeys,
    sequences,
    quarantine,
  ].map((it) => [it.name, it]),
)

/** What a plan may say about each check. */
export const checkSignatures: ReadonlyMap<string, OptionSignature> = new Map(
  [...CHECKS].map(([name, { options, summary, mandatory = false }]) => [
    name,
    { options, summary, mandatory },
  ]),
)
