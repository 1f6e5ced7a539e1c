import { readFileSync } from 'node:fs'
import type { Tariff } from '../plan/plan.ts'
import { parseSize } from '../plan/size.ts'

/** The prices and quotas that come with kvmig: `tariffs.json`, which is data that anybody may edit. By name, in the order of the file. */
export function readTariffs(): ReadonlyMap<string, Tariff> {
  const text = readFileSync(new URL('../../tariffs.json', import.meta.url), 'utf8')
  const written = JSON.parse(text) as Readonly<Record<string, Written>>
  return new Map(
    Object.entries(written).map(([name, { title, provider, storage, gb_month }]) => {
      const bytes = storage === undefined ? undefined : parseSize(storage)
      if (storage !== undefined && bytes === undefined)
        throw new Error(`tariffs.json: ${name}: "${storage}" is not a size such as 500MB`)
      return [
        name,
        {
          title,
          provider,
          ...(bytes === undefined ? {} : { storage: bytes }),
          ...(gb_month === undefined ? {} : { gbMonth: gb_month }),
        },
      ]
    }),
  )
}

interface Written {
  readonly title: string
  readonly provider: string
  readonly storage?: string
  readonly gb_month?: number
}
