import { SourceError } from '../../errors.ts'
import type { Context } from '../../executors/executor.ts'
import type { Plan } from '../../plan/plan.ts'
import type { ArchiveRecord } from '../archive.ts'
import type { Session } from '../session.ts'
import { note } from './note.ts'

/** What a store's statistics say of its use since a plan was archived, by whomever and of whatever key. */
export interface ServerUse {
  readonly label: string
  /** ISO, by the clock of the database. */
  readonly since: string
  /** Commands on keys, most first. */
  readonly commands: readonly (readonly [name: string, count: number])[]
  /** For how long there was none, as far as the runs of phase D can tell. */
  readonly quietMillis: number
}

type Calls = Readonly<Record<string, number>>

/** What the ledger keeps between two runs. */
interface Kept {
  /** The archive since which is counted. */
  readonly archive: string
  readonly since: string
  readonly lastUse: string
  /** As the statistics stood when the last run ended: what that run did itself is not counted. */
  readonly calls: Calls
  readonly others: Calls
}

/**
 * Counts what others ask the servers of retired plans, from one run of phase D to the next. Evidence of second rank: it is of the whole
 * server, so that it proves use of a plan only where nothing else lives there, and what came during a run itself is not seen; but none at
 * all is a proof that a plan is idle.
 */
export class ServerUses {
  readonly #session: Session
  readonly #began: ReadonlyMap<string, Calls>
  readonly #kept = new Map<string, { readonly source: string; readonly kept: Omit<Kept, 'calls'> }>()

  /** Before the run does anything else with these plans' sources. */
  static async begin(session: Session, plans: readonly Plan[]): Promise<ServerUses> {
    const began = new Map<string, Calls>()
    for (const name of new Set(plans.map((it) => it.source))) {
      const calls = await callsOn(session, name)
      if (calls) began.set(name, calls)
    }
    return new ServerUses(session, began)
  }

  private constructor(session: Session, began: ReadonlyMap<string, Calls>) {
    this.#session = session
    this.#began = began
  }

  /** Can the store of a plan tell? */
  isKnown = ({ source }: Plan): boolean => this.#began.has(source)

  /** Undefined: this is the first look since the archive was made, or the store cannot tell. */
  async of(plan: Plan, archive: ArchiveRecord, now: number): Promise<ServerUse | undefined> {
    const calls = this.#began.get(plan.source)
    if (!calls) return undefined
    const at = new Date(now).toISOString()
    const before = (await this.#session.ledger.steps()).get(`${plan.name}/D/server`)?.outcome as
      | Kept
      | undefined
    const isFirst = before?.archive !== archive.folder
    const since = isFirst ? at : before.since
    const news = isFirst ? {} : difference(before.calls, calls)
    const others = isFirst ? {} : sum(before.others, news)
    const lastUse = isFirst || Object.keys(news).length > 0 ? at : before.lastUse
    this.#kept.set(plan.name, {
      source: plan.source,
      kept: { archive: archive.folder, since, lastUse, others },
    })
    if (isFirst) return undefined
    return {
      label: (await this.#session.source(plan.source)).label,
      since,
      commands: Object.entries(others).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)),
      quietMillis: now - Date.parse(lastUse),
    }
  }

  /** After everything else. */
  async keep(context: Context): Promise<void> {
    for (const [plan, { source, kept }] of this.#kept) {
      const calls = (await callsOn(this.#session, source)) ?? {}
      await note(context, { plan, phase: 'D', kind: 'server', state: 'done', outcome: { ...kept, calls } })
    }
  }
}

async function callsOn(session: Session, source: string): Promise<Calls | undefined> {
  const store = await session.source(source)
  try {
    const calls = await store.calls?.()
    return calls && onKeys(calls)
  } catch (error) {
    // A user who may not ask for INFO: then it keeps no statistics for us.
    if (error instanceof SourceError) return undefined
    throw error
  }
}

/** A count that has become smaller began anew: what there is was all done since. */
export const difference = (before: Calls, after: Calls): Calls =>
  Object.fromEntries(
    Object.entries(after).flatMap(([name, count]) => {
      const more = count < (before[name] ?? 0) ? count : count - (before[name] ?? 0)
      return more > 0 ? [[name, more]] : []
    }),
  )

const sum = (a: Calls, b: Calls): Calls =>
  Object.fromEntries(
    [...new Set([...Object.keys(a), ...Object.keys(b)])].map((it) => [it, (a[it] ?? 0) + (b[it] ?? 0)]),
  )

const onKeys = (calls: ReadonlyMap<string, number>): Calls =>
  Object.fromEntries([...calls].filter(([name]) => !BESIDE.has(name)))

/** Commands that neither read nor write what a key holds; of scripts and transactions, what is in them counts. */
const BESIDE: ReadonlySet<string> = new Set(
  `acl asking auth bgrewriteaof bgsave client cluster command config dbsize debug discard echo eval eval_ro evalsha evalsha_ro exec failover
  fcall fcall_ro function hello info keys lastsave latency lolwut memory module monitor multi object ping psubscribe psync publish pubsub
  punsubscribe quit randomkey readonly readwrite replconf replicaof reset role save scan script select shutdown slaveof slowlog spublish
  ssubscribe subscribe sunsubscribe sync time type unsubscribe unwatch wait waitaof watch`.split(/\s+/),
)
