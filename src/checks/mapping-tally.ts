import type { CompiledMapping } from '../mapping/mapping.ts'
import { printable } from '../printable.ts'
import type { Entry } from '../sources/source.ts'
import type { Reject } from '../value.ts'
import type { MappingSurvey } from './survey.ts'

/** What a survey learns about one mapping. */
export class MappingTally {
  readonly #compiled: CompiledMapping
  readonly #rejects = new Map<
    string,
    { code: Reject['code']; column?: string; records: number; sample: string }
  >()
  readonly #unmapped = new Map<string, { field: string; records: number; sample: string }>()
  #keys = 0
  #records = 0
  #filtered = 0
  #expiring = 0

  constructor(compiled: CompiledMapping) {
    this.#compiled = compiled
  }

  key({ key, expiresAt }: Entry): void {
    this.#keys += 1
    if (expiresAt === null) return
    this.#expiring += 1
    if (!this.#compiled.takesExpiry) this.unmapped('$expires_at', key)
  }

  record(): void {
    this.#records += 1
  }

  filter(): void {
    this.#filtered += 1
  }

  reject({ code, column }: Reject, key: Buffer): void {
    this.#records += 1
    const name = `${code} ${column ?? ''}`
    const known = this.#rejects.get(name)
    if (known) known.records += 1
    else
      this.#rejects.set(name, {
        code,
        ...(column === undefined ? {} : { column }),
        records: 1,
        sample: printable(key),
      })
  }

  unmapped(field: string, key: Buffer): void {
    const known = this.#unmapped.get(field)
    if (known) known.records += 1
    else if (this.#unmapped.size < 1_000)
      this.#unmapped.set(field, { field: printable(field), records: 1, sample: printable(key) })
  }

  result(): MappingSurvey {
    const { mapping } = this.#compiled
    return {
      mapping: mapping.name,
      match: mapping.match.source,
      keys: this.#keys,
      records: this.#records,
      filtered: this.#filtered,
      expiring: this.#expiring,
      rejects: [...this.#rejects.values()].sort((a, b) => b.records - a.records),
      unmapped: [...this.#unmapped.values()].sort((a, b) => b.records - a.records),
    }
  }
}
