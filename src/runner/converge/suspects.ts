import type { Difference } from '../../checks/differences.ts'
import type { Survey } from '../../checks/survey.ts'
import { grainOf, partOfGrain } from '../../mapping/grain.ts'
import { mappingsOf, type Plan } from '../../plan/plan.ts'
import { showTable } from '../../plan/table.ts'
import { type Place, unitOf } from '../../state/touches.ts'
import type { Session } from '../session.ts'
import { Surveys } from '../surveys.ts'
import { keysOf } from './shrunk.ts'

/** A record of the store whose rows do not agree with it, as far as a comparison that holds no locks can tell. */
export interface Suspect {
  readonly plan: string
  /** As the store keeps it: a whole key, or one field or member of it. */
  readonly place: Place
  /** What was found, row by row. */
  readonly differences: readonly Difference[]
}

export interface Suspects {
  readonly list: readonly Suspect[]
  /** Differences in rows whose record cannot be told: nobody can mend them but a person. */
  readonly unplaced: readonly Difference[]
  /** Rows of the plan, by table: those there are, and those that nothing in the source gives. */
  readonly tables: readonly { readonly table: string; readonly rows: number; readonly extra: number }[]
  readonly compared: number
  /** Keys of the application in the whole store: without those that the rules ignore, and kvmig's own. */
  readonly keys: number
}

interface Looking {
  readonly signal: AbortSignal
  readonly progress?: (keys: number) => void
}

/** Compares a plan's source with its tables, both ways, and gives what differs by record of the store. Changes nothing. */
export async function findSuspects(session: Session, plan: Plan, options: Looking): Promise<Suspects> {
  return (await findAllSuspects(session, [plan], options)).get(plan.name)!
}

/** The same for several plans at once: each source is read once for all of them. By the plan's name. */
export async function findAllSuspects(
  session: Session,
  plans: readonly Plan[],
  { signal, progress }: Looking,
): Promise<ReadonlyMap<string, Suspects>> {
  const found = new Map(plans.map((plan) => [plan.name, new Found(plan)]))
  const surveys = new Surveys(session, plans, {
    compare: true,
    signal,
    ...(progress ? { progress } : {}),
    onDifference: (difference) => {
      const { key, part, writer, table } = difference
      const own = writer && (found.get(writer.plan) ?? [...found.values()].find((it) => it.fills(table)))
      if (key && own) own.note(placeOf(own.plan, writer.mapping, key, part), copied(difference))
      else for (const it of found.values()) if (it.fills(table)) it.unplaced.push(difference)
    },
  })
  const suspects = new Map<string, Suspects>()
  for (const { plan, list, unplaced, note } of found.values()) {
    const survey: Survey = await surveys.of(plan.source)
    // What is in the quarantine counts as accounted for; it may have been mended in the source since.
    for (const { name } of mappingsOf(plan)) {
      for (const it of await session.ledger.quarantine.list({
        plan: plan.name,
        mapping: name,
        limit: 100_000,
      }))
        if (it.accepted === undefined) note(placeOf(plan, name, it.key, it.part))
    }
    const { tables } = survey.plans.get(plan.name)!
    suspects.set(plan.name, {
      list: list(),
      unplaced,
      tables: tables.map(({ table, actual, extra }) => ({ table, rows: actual, extra: extra.count })),
      compared: tables.reduce((sum, it) => sum + it.expected, 0),
      keys: keysOf(survey.fates),
    })
  }
  return suspects
}

/** What was found of one plan. */
class Found {
  readonly plan: Plan
  readonly unplaced: Difference[] = []
  readonly #records = new Map<string, { place: Place; differences: Difference[] }>()
  readonly #tables: ReadonlySet<string>

  constructor(plan: Plan) {
    this.plan = plan
    this.#tables = new Set(mappingsOf(plan).map(({ into }) => showTable(into)))
  }

  fills = (table: string): boolean => this.#tables.has(table)

  note = (place: Place, difference?: Difference): void => {
    const unit = unitOf(place).toString('latin1')
    const known = this.#records.get(unit) ?? { place, differences: [] }
    if (difference) known.differences.push(difference)
    this.#records.set(unit, known)
  }

  list = (): readonly Suspect[] => [...this.#records.values()].map((it) => ({ plan: this.plan.name, ...it }))
}

/** Fields and members are records of their own where all who read them do so one by one; whatever lies deeper belongs to the whole key. */
export function placeOf(plan: Plan, mapping: string, key: Buffer, part: string): Place {
  const found = mappingsOf(plan).find((it) => it.name === mapping)
  return { key: Buffer.from(key), part: found ? partOfGrain(grainOf(plan, found), part) : '' }
}

// The key may be a view of all that was received with it.
const copied = (difference: Difference): Difference => ({
  ...difference,
  key: difference.key && Buffer.from(difference.key),
  ...(difference.row ? { row: Buffer.from(difference.row) } : {}),
})
