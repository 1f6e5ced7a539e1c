import { asksBeforeClaiming } from '../plan/plan.ts'
import type { Entry } from '../sources/source.ts'
import type { Reject, Row } from '../value.ts'
import type { Claim, Claimed, CompiledMapping, Part, RecordSink } from './mapping.ts'

/**
 * Offers an entry to the router's claims, in order, until one takes it, and answers which; undefined: uncovered. `sinkOf` is asked once
 * for each mapping that takes the entry; where it gives none, the mapping's records go nowhere.
 *
 * Several mappings that read one document (no `each`, or a path into it) give all their rows or none: where one of them rejects
 * something, the others' rows are withheld, so that no half of a document is in the tables. An entry without its value goes to its first
 * claim, unread.
 */
export function forwardClaims(
  claims: readonly Claim[],
  entry: Entry,
  sinkOf: (mapping: CompiledMapping) => RecordSink | undefined,
): Claim | undefined {
  for (const claim of claims) {
    if (claim.kind === 'skip' || claim.kind === 'lookup') return claim
    if (claim.kind === 'reject') {
      if (entry.offset === 0) sinkOf(claim.mapping)?.reject(claim.reject, () => '')
      return claim
    }
    if (entry.value === undefined || forwardGroup(claim.mappings, entry, sinkOf) === 'claimed') return claim
  }
  return undefined
}

function forwardGroup(
  mappings: readonly CompiledMapping[],
  entry: Entry,
  sinkOf: (mapping: CompiledMapping) => RecordSink | undefined,
): Claimed {
  const [only] = mappings
  if (mappings.length === 1 && only) return forwardOne(only, entry, sinkOf)
  const isDocument = mappings.every(({ mapping: { each } }) => each === undefined || each.kind === 'path')
  if (!isDocument) {
    // All of them read it; one is enough to claim it.
    const answers = mappings.map((it) => forwardOne(it, entry, sinkOf))
    return answers.includes('claimed') ? 'claimed' : 'filtered'
  }
  const held = mappings.map((mapping) => ({ mapping, records: new Held() }))
  const claimers = held.filter(({ mapping, records }) => mapping.forward(entry, records) === 'claimed')
  const withhold = claimers.some(({ records }) => records.rejects > 0)
  const told = new Set<string>()
  for (const { mapping, records } of claimers) {
    const sink = sinkOf(mapping)
    if (sink) records.release(sink, { withhold, told })
  }
  return claimers.length > 0 ? 'claimed' : 'filtered'
}

function forwardOne(
  mapping: CompiledMapping,
  entry: Entry,
  sinkOf: (mapping: CompiledMapping) => RecordSink | undefined,
): Claimed {
  if (asksBeforeClaiming(mapping.mapping)) {
    const records = new Held()
    const answer = mapping.forward(entry, records)
    const sink = answer === 'claimed' ? sinkOf(mapping) : undefined
    if (sink) records.release(sink)
    return answer
  }
  const sink = sinkOf(mapping)
  return sink ? mapping.forward(entry, sink) : 'claimed'
}

/** Keeps what a mapping makes of one entry until it is known who gets it. */
class Held implements RecordSink {
  rejects = 0
  readonly #calls: ((sink: RecordSink) => void)[] = []
  readonly #rejects: { readonly reject: Reject; readonly part: () => Part }[] = []
  readonly #rows: ((sink: RecordSink) => void)[] = []

  row(cells: Row, part: () => Part): void {
    this.#rows.push((sink) => sink.row(cells, part))
  }

  reject(reject: Reject, part: () => Part): void {
    this.rejects++
    this.#rejects.push({ reject, part })
  }

  filtered(part: () => Part): void {
    this.#calls.push((sink) => sink.filtered(part))
  }

  unmapped(field: string): void {
    this.#calls.push((sink) => sink.unmapped(field))
  }

  /** `told`: what cannot be read at all is told by the first mapping that tries, not by each. */
  release(sink: RecordSink, { withhold = false, told = new Set<string>() } = {}): void {
    if (!withhold) for (const call of this.#rows) call(sink)
    for (const { reject, part } of this.#rejects) {
      const id = JSON.stringify([reject.code, part()])
      if (reject.column === undefined && told.has(id)) continue
      told.add(id)
      sink.reject(reject, part)
    }
    for (const call of this.#calls) call(sink)
  }
}
