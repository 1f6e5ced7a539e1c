import {
  answerPending,
  type FailurePolicy,
  type PROTOCOL,
  type Step,
  writeProcedure,
} from '../../src/runtime/protocol.ts'
import {
  type ActorState,
  type Carried,
  isDue,
  onSource,
  onTarget,
  type State,
  underLock,
  type Value,
} from './state.ts'

type Protocol = typeof PROTOCOL

/** Who takes part, and what may happen to them. */
export interface Scenario {
  readonly protocol: Protocol
  readonly policy: FailurePolicy
  /** Writers that use the runtime: what each writes. */
  readonly writers: Readonly<Record<string, 'set' | 'delete'>>
  /** A writer that knows the source only. */
  readonly old?: 'set' | 'delete'
  /** A pass that takes the record over while all this goes on (read-through, a late backfill). */
  readonly copier: boolean
  /** What the operator does, in this order, at any time that its guard allows. */
  readonly operator: readonly Operation[]
  readonly start: Pick<State['target'], 'phase' | 'rollout'>
  /** The source can only be written while the target holds the record's lock. `late`: requests that were given up may arrive after it. */
  readonly underLock?: 'in time' | 'late'
}

export interface Operation {
  readonly name: string
  readonly allowed?: (state: State, isOver: (actor: string) => boolean) => boolean
  /** False: it cannot be done in this state after all. */
  readonly act: (state: State, actor: ActorState) => void
}

export interface Explored {
  readonly states: number
  readonly ends: number
  readonly violations: number
  /** The shortest way to one. */
  readonly example: string | undefined
}

type Move = readonly [name: string, next: State]

/** A state as one text, and the way there from the one before. */
interface Reached {
  readonly key: string
  readonly by: string
  readonly from: Reached | undefined
  readonly length: number
}

/**
 * Walks through every interleaving of a scenario, each actor stopping, dying or losing answers at every step, and judges every end.
 * `first`: only until something is found.
 */
export function explore(scenario: Scenario, { limit = 300_000, first = false } = {}): Explored {
  const start = keyOf(begin(scenario))
  const seen = new Set([start])
  const stack: Reached[] = [{ key: start, by: '', from: undefined, length: 0 }]
  let ends = 0
  let violations = 0
  let example: { at: Reached; why: string } | undefined
  for (let it = stack.pop(); it; it = stack.pop()) {
    const state: State = JSON.parse(it.key)
    if (isEnd(state)) {
      ends += 1
      const why = judge(settled(state, scenario), scenario)
      if (why) {
        violations += 1
        if (!example || it.length < example.at.length) example = { at: it, why }
        if (first) break
      }
    }
    for (const [by, next] of movesOf(state, scenario)) {
      const key = keyOf(next)
      if (seen.has(key)) continue
      seen.add(key)
      if (seen.size > limit) throw new Error(`more than ${limit} states`)
      stack.push({ key, by, from: it, length: it.length + 1 })
    }
  }
  return {
    states: seen.size,
    ends,
    violations,
    example: example && `${wayTo(example.at).join(' › ')} ⇒ ${example.why}`,
  }
}

/** One text for states that are the same to everybody: late requests arrive in any order, and who is through remembers nothing. */
function keyOf(state: State): string {
  for (const [name, { at }] of Object.entries(state.actors))
    if (at === 'over') state.actors[name] = { at: 'over' }
  if (state.late.length > 1) {
    const sorted = state.late.map((it) => JSON.stringify(it)).sort()
    state.late.splice(0, sorted.length, ...sorted.map((it) => JSON.parse(it)))
  }
  return JSON.stringify(state)
}

function wayTo(at: Reached): readonly string[] {
  const names: string[] = []
  for (let it: Reached | undefined = at; it?.from; it = it.from) names.unshift(it.by)
  return names
}

function begin({ writers, old, copier, operator, start }: Scenario): State {
  const actors: Record<string, ActorState> = {}
  for (const name of Object.keys(writers)) actors[name] = { at: 'start' }
  if (old) actors.old = { at: 'start' }
  if (copier) actors.copier = { at: 'start' }
  if (operator.length > 0) actors.operator = { at: 0 }
  actors.drainer = { at: 'start' }
  return {
    target: { ...start, epoch: 1, row: 'first', touch: null, outbox: [] },
    source: { value: 'first', version: 0, epoch: 1 },
    late: [],
    actors,
    confirmed: [],
    before: [],
  }
}

// Everybody may die anywhere, and a request that was given up may never arrive: every state is an end. But the operator goes on until he is
// through, and those who know the source only are gone by then.
const isEnd = ({ actors }: State): boolean =>
  (actors.operator?.at ?? 'over') === 'over' && (actors.old?.at ?? 'over') === 'over'

function* movesOf(state: State, scenario: Scenario): Generator<Move> {
  for (const [name, what] of Object.entries(scenario.writers))
    yield* writerMoves(state, name, what === 'set' ? name : null, scenario)
  const old = state.actors.old
  if (old?.at === 'start')
    yield move(state, 'old writer writes the source', (it) => {
      begins(it, 'old')
      it.source.value = scenario.old === 'set' ? 'old' : null
      confirms(it, 'old')
      it.actors.old!.at = 'over'
    })
  yield* copierMoves(state, scenario)
  yield* drainerMoves(state, scenario)
  yield* operatorMoves(state, scenario)
  for (const [index, carried] of state.late.entries())
    yield move(state, 'a request arrives late', (it) => {
      it.late.splice(index, 1)
      onSource(it, carried)
    })
}

function* writerMoves(state: State, name: string, value: Value, scenario: Scenario): Generator<Move> {
  const actor = state.actors[name]!
  if (actor.at === 'over') return
  if (actor.at === 'start') {
    yield move(state, `${name} looks up the route`, (it) => {
      const { phase, epoch, rollout } = it.target
      begins(it, name)
      Object.assign(it.actors[name]!, { at: 0, phase, epoch, rollout })
    })
    return
  }
  const steps = scenario.protocol[writeProcedure(actor.phase!)]
  const step = steps[actor.at]
  if (!step) return
  const ended = (it: State, ending: 'ok' | 'failed' | 'lost' | 'fenced'): void => {
    const me = it.actors[name]!
    const next = step.on[ending]
    const { phase, epoch, rollout } = it.target
    switch (next) {
      case 'next':
        me.at = actor.at === 'over' || actor.at === 'start' ? 'over' : actor.at + 1
        break
      case 'again':
        Object.assign(me, { at: 0, phase, epoch, rollout })
        delete me.version
        break
      case 'retry':
        me.epoch = epoch
        if (phase === 'D') me.at = (me.at as number) + 1
        break
      case 'pending':
        me.at = 'over'
        if (answerPending(scenario.policy, rollout || me.rollout === true) === 'done') confirms(it, name)
        break
      case 'done':
        me.at = 'over'
        confirms(it, name)
        break
      default:
        me.at = 'over'
    }
  }
  if (step.side === 'target') {
    yield move(state, `${name}: ${step.name}`, (it) => {
      const ending = onTarget(it, it.actors[name]!, step, value)
      ended(it, ending === 'stop' ? 'failed' : ending)
    })
    return
  }
  const carried: Carried = { acts: step.does, epoch: actor.epoch!, version: actor.version, value }
  const { underLock: lock } = scenario
  yield move(state, `${name}: ${step.name}`, (it) =>
    ended(it, lock ? underLock(it, carried) : onSource(it, carried)),
  )
  if (lock) {
    yield move(state, `${name}: ${step.name} is given up, and was done`, (it) => {
      // What the target was to keep of it is undone: only the source has it.
      const outbox = it.target.outbox.slice()
      const ending = underLock(it, carried)
      it.target.outbox.splice(0, it.target.outbox.length, ...outbox)
      ended(it, ending === 'ok' ? 'lost' : 'fenced')
    })
    yield move(state, `${name}: ${step.name} is given up`, (it) => {
      const isSent = actor.epoch === it.target.epoch && isDue(it, actor.version)
      if (lock === 'late' && isSent) it.late.push({ ...carried, acts: ['set'] })
      ended(it, 'lost')
    })
    return
  }
  // It may arrive at once, which is a lost answer, or after anything else, or never, which is a failure.
  yield move(state, `${name}: ${step.name} is given up`, (it) => {
    it.late.push(carried)
    ended(it, 'lost')
  })
}

function* copierMoves(state: State, { protocol }: Scenario): Generator<Move> {
  const actor = state.actors.copier
  if (!actor || actor.at === 'over') return
  if (actor.at === 'start') {
    yield move(state, 'copier: read', (it) => {
      const { value } = it.source
      Object.assign(it.actors.copier!, { at: value === null ? 'over' : 1, value, epoch: it.target.epoch })
    })
    return
  }
  const step = protocol.copy[actor.at]!
  yield move(state, 'copier: copy', (it) => {
    // A row that is there is not asked for: read-through is about rows that are missing, a pass about what it saw before.
    onTarget(it, it.actors.copier!, step, actor.value!)
    it.actors.copier!.at = 'over'
  })
}

function* drainerMoves(state: State, { protocol, underLock: lock }: Scenario): Generator<Move> {
  const actor = state.actors.drainer!
  const [take, carry, settle] = protocol.drain as readonly [Step, Step, Step]
  if (actor.at === 'start') {
    if (state.target.outbox.length === 0 || state.target.phase === 'D') return
    yield move(state, 'drainer: take', (it) => {
      if (onTarget(it, it.actors.drainer!, take, null) === 'ok') it.actors.drainer!.at = 1
    })
    return
  }
  if (actor.at === 1) {
    yield move(state, 'drainer: carry', (it) => {
      const me = it.actors.drainer!
      const carried = { acts: carry.does, epoch: me.epoch!, version: me.version, value: me.value! }
      if ((lock ? underLock(it, carried) : onSource(it, carried)) === 'ok') me.at = 2
      else me.epoch = it.target.epoch
    })
    return
  }
  yield move(state, 'drainer: settle', (it) => {
    onTarget(it, it.actors.drainer!, settle, null)
    it.actors.drainer = { at: 'start' }
  })
}

function* operatorMoves(state: State, { operator }: Scenario): Generator<Move> {
  const actor = state.actors.operator
  if (!actor || actor.at === 'over') return
  const at = actor.at as number
  const operation = operator[at]!
  if (operation.allowed && !operation.allowed(state, (name) => (state.actors[name]?.at ?? 'over') === 'over'))
    return
  yield move(state, `operator: ${operation.name}`, (it) => {
    const me = it.actors.operator!
    me.at = at + 1 === operator.length ? 'over' : at + 1
    operation.act(it, me)
  })
}

function move(state: State, name: string, change: (state: State) => void): Move {
  const next: State = JSON.parse(JSON.stringify(state))
  change(next)
  return [name, next]
}

function begins(state: State, write: string): void {
  for (const it of state.confirmed) state.before.push(`${it}<${write}`)
  state.before.sort()
}

function confirms(state: State, write: string): void {
  state.confirmed.push(write)
  state.confirmed.sort()
}

/** Nobody does anything any more but carry what the outbox holds. */
function settled(state: State, { underLock: lock }: Scenario): State {
  const end: State = JSON.parse(JSON.stringify(state))
  const { target } = end
  if (target.phase === 'D') return end
  const carry = lock ? underLock : onSource
  for (const { version, value } of target.outbox.toSorted((a, b) => a.version - b.version))
    carry(end, { acts: ['compare-and-set'], epoch: target.epoch, version, value })
  return end
}

/** What is wrong with an end: sides that differ, a confirmed write that is lost, one that is older than a later one, or was never made. */
function judge({ target, source, confirmed, before }: State, { writers, old }: Scenario): string | undefined {
  // In A the source is all there is; in D the target.
  const decisive = target.phase === 'A' ? source.value : target.row
  if (target.phase !== 'A' && target.phase !== 'D' && target.row !== source.value)
    return `the target has ${target.row}, the source ${source.value}`
  if (decisive === 'first') return confirmed.length > 0 ? `${confirmed.join(', ')} is lost` : undefined
  const writes: [string, Value][] = Object.entries(writers).map(([name, what]) => [
    name,
    what === 'set' ? name : null,
  ])
  if (old) writes.push(['old', old === 'set' ? 'old' : null])
  const makers = writes.filter(([, value]) => value === decisive).map(([name]) => name)
  if (makers.length === 0) return `nobody wrote ${decisive}`
  const isLast = (maker: string) =>
    !writes.some(([other]) => confirmed.includes(other) && before.includes(`${maker}<${other}`))
  return makers.some(isLast) ? undefined : `${decisive} is older than a write that was confirmed later`
}
