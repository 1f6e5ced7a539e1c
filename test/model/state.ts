import type { Phase } from '../../src/plan/plan.ts'
import type { Act, Step } from '../../src/runtime/protocol.ts'

/** What a record holds: the name of the write that put it there, or null where there is none. Every write is unique. */
export type Value = string | null

/** All there is to know of one record: both sides, the network between them, and how far everybody is. */
export interface State {
  readonly target: {
    phase: Phase
    epoch: number
    rollout: boolean
    row: Value
    touch: { version: number; origin: 'live' | 'copy' } | null
    outbox: { version: number; value: Value }[]
  }
  readonly source: { value: Value; version: number; epoch: number }
  /** Requests to the source that their senders have given up, and that may still arrive. */
  readonly late: Carried[]
  /** Where each actor is. */
  readonly actors: Record<string, ActorState>
  /** Writes that were confirmed to their callers, in any order. */
  readonly confirmed: string[]
  /** `a<b`: a was confirmed before b began. */
  readonly before: string[]
}

export interface ActorState {
  /** The next step; `over`: done, or dead. */
  at: number | 'start' | 'over'
  phase?: Phase
  epoch?: number
  rollout?: boolean
  version?: number
  value?: Value
}

/** What a request to the source says. */
export interface Carried {
  readonly acts: readonly Act[]
  readonly epoch: number
  readonly version?: number | undefined
  readonly value: Value
}

/** A step of a write on the target: `fenced`, `stop` (a claim that was not had), or `ok`. */
export function onTarget(
  state: State,
  actor: ActorState,
  step: Step,
  value: Value,
): 'ok' | 'fenced' | 'stop' {
  const { target } = state
  for (const act of step.does) {
    switch (act) {
      case 'fence':
        if (actor.epoch !== target.epoch) return 'fenced'
        break
      case 'advance':
        actor.version = (target.touch?.version ?? 0) + 1
        target.touch = { version: actor.version, origin: 'live' }
        break
      case 'outbox':
        target.outbox.push({ version: actor.version!, value })
        break
      case 'claim':
        if (target.touch?.origin === 'live') return 'stop'
        target.touch = { version: target.touch?.version ?? 0, origin: 'copy' }
        break
      case 'row':
        target.row = value
        // Who remembers no deletes forgets all about the record with its row.
        if (value === null && !step.does.includes('tombstone')) target.touch = null
        break
      case 'take': {
        const [oldest] = target.outbox.toSorted((a, b) => a.version - b.version)
        if (!oldest) return 'stop'
        actor.version = oldest.version
        actor.value = oldest.value
        actor.epoch = target.epoch
        break
      }
      case 'settle': {
        const left = target.outbox.filter((it) => it.version > actor.version!)
        target.outbox.length = 0
        target.outbox.push(...left)
        break
      }
      case 'tombstone':
        break
      default:
        throw new Error(`${act} is nothing that the target does`)
    }
  }
  return 'ok'
}

/** A request as the source carries it out. */
export function onSource({ source }: State, { acts, epoch, version, value }: Carried): 'ok' | 'fenced' {
  for (const act of acts) {
    switch (act) {
      case 'fence':
        if (source.epoch > epoch) return 'fenced'
        source.epoch = epoch
        break
      case 'compare-and-set':
        if (version! <= source.version) break
        source.version = version!
        source.value = value
        break
      case 'set':
        source.value = value
        break
      default:
        throw new Error(`${act} is nothing that the source does`)
    }
  }
  return 'ok'
}

/**
 * The same for a source that neither compares nor knows epochs: the target does, and holds the record's lock and the epoch until the request is
 * answered or given up. Nobody else does anything to the record meanwhile, so it is one instant.
 */
export function underLock(state: State, { acts, epoch, version, value }: Carried): 'ok' | 'fenced' {
  const { source, target } = state
  if (acts.includes('fence') && epoch !== target.epoch) return 'fenced'
  if (acts.includes('set')) source.value = value
  else if (isDue(state, version)) {
    source.value = value
    // In the same transaction: what was carried is not carried again.
    const left = target.outbox.filter((it) => it.version > version!)
    target.outbox.splice(0, target.outbox.length, ...left)
  }
  return 'ok'
}

/** Is this change still the newest of its record, and has nobody carried it? */
export const isDue = ({ target }: State, version: number | undefined): boolean =>
  version === target.touch?.version && target.outbox.some((it) => it.version === version)
