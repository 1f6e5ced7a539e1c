import { forwardClaims } from '../mapping/claim.ts'
import type { CompiledProject } from '../mapping/compiled-project.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import type { Project } from '../plan/plan.ts'
import { withoutExpiredFields } from '../sources/part.ts'
import type { Source } from '../sources/source.ts'
import type { Rival } from '../state/ledger.ts'
import { writerName } from '../state/trace.ts'
import { databaseClock } from '../target/clock.ts'
import type { Target } from '../target/target.ts'
import type { Row } from '../value.ts'

/** A record as it is now. */
export interface FoundRecord {
  readonly compiled: CompiledMapping
  readonly key: Buffer
  readonly part: string
  readonly row: Row
}

/** What records are read again with. */
export interface Reread {
  readonly project: Project
  readonly compiled: CompiledProject
  readonly target: Target
  readonly signal: AbortSignal
  source(name: string): Promise<Source>
}

/** Reads records again, by the source keys that the ledger knows. Those that give no row any more are left out. */
export async function readRecords(
  records: readonly Omit<Rival, 'row'>[],
  mappings: readonly CompiledMapping[],
  context: Reread,
): Promise<readonly FoundRecord[]> {
  const clock = await databaseClock(context)
  const wanted = new Set(records.map(nameOf))
  const found = new Map<string, FoundRecord>()
  for (const source of new Set(mappings.map((it) => sourceOf(it, context)))) {
    const writers = new Map(
      mappings.filter((it) => sourceOf(it, context) === source).map((it) => [writerName(it), it]),
    )
    const keys = new Map(
      records.filter((it) => writers.has(it.writer)).map((it) => [it.key.toString('latin1'), it.key]),
    )
    if (keys.size === 0) continue
    const router = context.compiled.router(source)
    for await (const page of (await context.source(source)).read([...keys.values()])) {
      context.signal.throwIfAborted()
      for (const entry of page.entries) {
        if (entry.value === undefined || (entry.expiresAt !== null && entry.expiresAt <= clock())) continue
        forwardClaims(
          router.route(entry.key, entry.type),
          withoutExpiredFields(entry, clock()),
          (compiled) => {
            const writer = writerName(compiled)
            if (!writers.has(writer)) return undefined
            return {
              row: (row, partOf) => {
                const { key } = entry
                const part = partOf()
                const name = nameOf({ writer, key, part })
                if (wanted.has(name)) found.set(name, { compiled, key: Buffer.from(key), part, row })
              },
              reject: () => {},
              filtered: () => {},
              unmapped: () => {},
            }
          },
        )
      }
    }
  }
  return [...found.values()]
}

const nameOf = ({ writer, key, part }: Omit<Rival, 'row'>): string =>
  `${writer}\0${key.toString('latin1')}\0${part}`

const sourceOf = ({ plan }: CompiledMapping, { project }: Reread): string => {
  const found = project.plans.find((it) => it.name === plan)
  if (!found) throw new Error(`no plan ${plan}`)
  return found.source
}
