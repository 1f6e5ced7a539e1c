import type { OptionSignature } from '../plan/catalog.ts'
import type { Check } from './check.ts'
import { clocks } from './clocks.ts'
import { command } from './command.ts'
import { coverage } from './coverage.ts'
import { dataLoss } from './data-loss.ts'
import { divergence } from './divergence.ts'
import { errorRate } from './error-rate.ts'
import { fleet } from './fleet.ts'
import { full } from './full.ts'
import { http } from './http.ts'
import { idle } from './idle.ts'
import { indexUse } from './index-use.ts'
import { latency } from './latency.ts'
import { load } from './load.ts'
import { neighbours } from './neighbours.ts'
import { oneWay } from './one-way.ts'
import { orphans } from './orphans.ts'
import { outbox } from './outbox.ts'
import { prometheus } from './prometheus.ts'
import { quarantine } from './quarantine.ts'
import { recency } from './recency.ts'
import { reconciled } from './reconciled.ts'
import { reports } from './reports.ts'
import { rollbackDrill } from './rollback-drill.ts'
import { rowCount } from './row-count.ts'
import { sample } from './sample.ts'
import { sequences } from './sequences.ts'
import { slowStatements } from './slow-statements.ts'
import { soak } from './soak.ts'
import { sql } from './sql.ts'
import { uniqueKeys } from './unique-keys.ts'
import { unmapped } from './unmapped.ts'
import { watchedCheck } from './watched.ts'
import { writeErrors } from './write-errors.ts'

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
    neighbours,
    uniqueKeys,
    sequences,
    quarantine,
    soak,
    fleet,
    outbox,
    reconciled,
    divergence,
    writeErrors,
    errorRate,
    latency,
    dataLoss,
    reports,
    rollbackDrill,
    watchedCheck,
    oneWay,
    clocks,
    idle,
    load,
    slowStatements,
    sql,
    http,
    prometheus,
    command,
  ].map((it) => [it.name, it]),
)

/** What a plan may say about each check. */
export const checkSignatures: ReadonlyMap<string, OptionSignature> = new Map(
  [...CHECKS].map(([name, { options, summary, mandatory = false }]) => [
    name,
    { options, summary, mandatory },
  ]),
)
