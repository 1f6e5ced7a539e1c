import type { CompiledMapping, Part } from '../mapping/mapping.ts'
import { showTable } from '../plan/table.ts'
import type { Ledger } from '../state/ledger.ts'
import { rowKeyOf } from '../target/row-key.ts'
import type { Transaction } from '../target/target.ts'
import type { LoadTable } from './load-table.ts'

/** The record that a row came from. */
export interface Traced {
  readonly plan: string
  readonly mapping: string
  readonly key: Buffer
  readonly part: Part
}

/** Where rows came from, by the tuples of their key: from the ledger where origins are kept, else computed. Undefined: not ours. */
export async function trace(
  tx: Transaction,
  keyTuples: readonly Buffer[],
  table: LoadTable,
  mappings: readonly CompiledMapping[],
  ledger: Ledger,
): Promise<readonly (Traced | undefined)[]> {
  if (table.tracked) {
    const origins = await ledger.origins.find(tx, showTable(table.name), keyTuples.map(rowKeyOf))
    return origins.map((origin) => {
      const compiled = mappings.find((it) => it.mapping.name === origin?.mapping)
      return origin && compiled && { plan: compiled.plan, mapping: origin.mapping, key: origin.key, part: origin.part }
    })
  }
  const compiled = mappings[0]
  return keyTuples.map((tuple) => {
    const record = compiled?.sourceOf?.(table.keyCodec.decode(tuple))
    return record && compiled && { plan: compiled.plan, mapping: compiled.mapping.name, ...record }
  })
}
