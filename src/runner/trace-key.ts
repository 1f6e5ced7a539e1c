import { mergedRows } from '../checks/merged-rows.ts'
import type { Fate } from '../checks/survey.ts'
import { forwardClaims } from '../mapping/claim.ts'
import type { CompiledMapping, Part } from '../mapping/mapping.ts'
import { showTable } from '../plan/table.ts'
import type { QuarantineRecord } from '../state/ledger.ts'
import { writerName } from '../state/trace.ts'
import { differingColumns, openTableRows, readTuples } from '../target/table-rows.ts'
import type { Reject, Row } from '../value.ts'
import { type LeftRow, leftRows } from './left-rows.ts'
import { rereadOf } from './reread.ts'
import type { Session } from './session.ts'

/** Why there is a row for a key, or why there is none. */
export interface KeyTrace {
  readonly source: string
  readonly key: Buffer
  /** Undefined: the source has no such key. */
  readonly type: string | undefined
  readonly expiresAt: number | null
  readonly rule?: { readonly plan: string | undefined; readonly match: string; readonly what: string }
  readonly fate: Fate | 'not there'
  readonly rows: readonly {
    readonly table: string
    readonly part: Part
    readonly state: 'matching' | 'different' | 'missing' | 'no table'
    /** Where it is different. */
    readonly columns: readonly string[]
  }[]
  /** Of a key that the source has not: rows that came from it and still stand. */
  readonly left: readonly LeftRow[]
  readonly rejects: readonly { readonly mapping: string; readonly part: Part; readonly reject: Reject }[]
  readonly filtered: number
  /** Records of the key in the quarantine. */
  readonly quarantine: readonly QuarantineRecord[]
}

/** What is said of a key that no rule has and a lookup names. */
export const LOOKED_UP = 'looked up for rows that other keys make'

/** Follows one key through the rules of its source to the rows it gives, and looks whether they are there. Changes nothing. */
export async function traceKey(session: Session, sourceName: string, key: Buffer): Promise<KeyTrace> {
  const { compiled, ledger } = session
  const source = await session.source(sourceName)
  const quarantine = (await ledger.installed()) ? await ledger.quarantine.list({ key }) : []
  const rows: { compiled: CompiledMapping; row: Row; part: Part }[] = []
  const rejects: { mapping: string; part: Part; reject: Reject }[] = []
  let filtered = 0
  let seen: Pick<KeyTrace, 'type' | 'expiresAt' | 'rule' | 'fate'> = {
    type: undefined,
    expiresAt: null,
    fate: 'not there',
  }
  for await (const page of source.read([key])) {
    for (const entry of page.entries) {
      const claim = forwardClaims(
        compiled.router(sourceName).route(entry.key, entry.type),
        entry,
        (mapping) => ({
          row: (row, part) => rows.push({ compiled: mapping, row, part: part() }),
          reject: (reject, part) => rejects.push({ mapping: mapping.mapping.name, part: part(), reject }),
          filtered: () => {
            filtered += 1
          },
          unmapped: () => {},
        }),
      )
      const common = { type: entry.type, expiresAt: entry.expiresAt }
      if (claim === undefined) seen = { ...common, fate: 'uncovered' }
      else if (claim.kind === 'skip') {
        const { skip, plan } = claim
        seen = {
          ...common,
          fate: skip.fate,
          rule: { plan, match: skip.match.source, what: `${skip.fate}: ${skip.because}` },
        }
      } else if (claim.kind === 'lookup') {
        const { plan, match } = claim
        seen = { ...common, fate: 'migrated', rule: { plan, match: match.source, what: LOOKED_UP } }
      } else {
        const mappings = claim.kind === 'mappings' ? claim.mappings : [claim.mapping]
        const into = mappings.map((it) => showTable(it.table.name)).join(', ')
        seen = {
          ...common,
          fate: 'migrated',
          rule: { plan: claim.plan, match: mappings[0]!.mapping.match.source, what: `into ${into}` },
        }
      }
    }
  }
  const states = await Promise.all(rows.map((it) => stateOf(session, it)))
  const refused = rejects.length + quarantine.length
  return {
    source: sourceName,
    key,
    ...seen,
    fate:
      seen.fate !== 'migrated' || refused === 0
        ? seen.fate
        : states.some((it) => it.state === 'matching')
          ? 'partial'
          : 'quarantined',
    rows: rows.map((it, place) => ({
      table: showTable(it.compiled.table.name),
      part: it.part,
      ...states[place]!,
    })),
    left: seen.type === undefined ? await leftRows(session, sourceName, key) : [],
    rejects,
    filtered,
    quarantine,
  }
}

async function stateOf(
  session: Session,
  { compiled, row }: { compiled: CompiledMapping; row: Row },
): Promise<Pick<KeyTrace['rows'][number], 'state' | 'columns'>> {
  const { columns, keyIndexes, table } = compiled
  let rowKey: Buffer | undefined
  const state = await session.target.transaction(async (tx): ReturnType<typeof stateOf> => {
    const access = await openTableRows(tx, { name: table.name, columns, keyIndexes }).catch(() => undefined)
    if (!access) return { state: 'no table', columns: [] }
    rowKey = access.rowKey(row)
    const [there] = await readTuples(tx, access, [row])
    if (!there) return { state: 'missing', columns: [] }
    const differing = differingColumns(access, access.tuple(row), there)
    return { state: differing.length === 0 ? 'matching' : 'different', columns: differing }
  })
  const merges = session.compiled.merges(table.name)
  if (state.state !== 'different' || merges.length === 0 || !rowKey) return state
  // It is not this record's alone.
  const writers = session.compiled.writers(table.name)
  const [merged] = await mergedRows(
    [rowKey],
    { writers, merges, ledger: session.ledger, reread: rereadOf(session) },
    new Set(writers.map(writerName)),
  )
  return merged?.verdict === 'alike' ? { state: 'matching', columns: [] } : state
}
