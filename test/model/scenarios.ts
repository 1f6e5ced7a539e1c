import { type Act, PROTOCOL, type Step } from '../../src/runtime/protocol.ts'
import type { Operation, Scenario } from './explore.ts'
import { onSource, type State } from './state.ts'

type Protocol = typeof PROTOCOL

const rewrite = (change: (act: Act) => readonly Act[]): Protocol => {
  const steps = (list: readonly Step[]): readonly Step[] =>
    list.map((step) => ({ ...step, does: step.does.flatMap(change) }))
  return {
    'source-write': steps(PROTOCOL['source-write']),
    'dual-write': steps(PROTOCOL['dual-write']),
    'target-write': steps(PROTOCOL['target-write']),
    copy: steps(PROTOCOL.copy),
    drain: steps(PROTOCOL.drain),
  }
}

const without = (act: Act): Protocol => rewrite((it) => (it === act ? [] : [it]))

/** The protocol with one of its elements taken out. */
export const ABLATIONS: Readonly<Record<'claim' | 'tombstone' | 'version' | 'outbox' | 'epoch', Protocol>> = {
  claim: without('claim'),
  tombstone: without('tombstone'),
  version: rewrite((it) => (it === 'compare-and-set' ? ['set'] : [it])),
  outbox: without('outbox'),
  epoch: without('fence'),
}

const flip = (phase: State['target']['phase'], rollout = false): Operation => ({
  name: `flip to ${phase}${rollout ? ', rollout' : ''}`,
  act: ({ target }) => {
    Object.assign(target, { phase, rollout, epoch: target.epoch + 1 })
  },
})

/** A flip is not over before the source refuses whoever carries the epoch before it. */
const raise: Operation = {
  name: 'raise the epoch in the source',
  act: ({ source, target }) => {
    source.epoch = Math.max(source.epoch, target.epoch)
  },
}

/** The catch-up pass reads, claims and writes; what live writes touched, it looks at under their lock. */
const catchUp = (protocol: Protocol, lock?: Scenario['underLock']): readonly Operation[] => [
  {
    name: 'catch-up reads',
    allowed: (_, isOver) => isOver('old'),
    act: ({ source, target }, me) => {
      me.value = source.value
      me.epoch = target.epoch
    },
  },
  {
    name: 'catch-up claims and writes',
    act: ({ target }, me) => {
      if (protocol.copy[1]!.does.includes('claim') && target.touch?.origin === 'live') return
      target.row = me.value!
      target.touch = { version: target.touch?.version ?? 0, origin: 'copy' }
    },
  },
  {
    name: 'catch-up repairs what both sides settled',
    allowed: ({ target, source }) =>
      target.touch?.origin !== 'live' ||
      (target.outbox.length === 0 && (lock !== undefined || target.touch.version === source.version)),
    act: ({ target, source }) => {
      if (target.touch?.origin === 'live') target.row = source.value
    },
  },
]

/** B, after the rollout: Postgres decides. A cutover, a rollback and a cutover while two writers and a late copy are under way. */
export const steady = (
  protocol: Protocol,
  writers: Scenario['writers'],
  underLock?: Scenario['underLock'],
): Scenario => ({
  protocol,
  ...(underLock && { underLock }),
  policy: 'available',
  writers,
  copier: true,
  operator: [flip('C'), raise],
  start: { phase: 'B', rollout: false },
})

/** From A to the end of B's rollout, with an instance that knows the source only and one that looked up the route long ago. */
export const rollout = (
  protocol: Protocol,
  writers: Scenario['writers'],
  old: Scenario['old'] | undefined,
  {
    caughtUp = true,
    policy = 'strict' as Scenario['policy'],
    underLock = undefined as Scenario['underLock'] | undefined,
  } = {},
): Scenario => ({
  protocol,
  ...(underLock && { underLock }),
  policy,
  writers,
  ...(old && { old }),
  copier: false,
  operator: [flip('B', true), raise, ...(caughtUp ? catchUp(protocol, underLock) : []), flip('B')],
  start: { phase: 'A', rollout: false },
})

/** The end of the source: whoever still believes in C. */
export const retirement = (protocol: Protocol, writers: Scenario['writers']): Scenario => ({
  protocol,
  policy: 'strict',
  writers,
  copier: false,
  operator: [flip('D'), raise],
  start: { phase: 'C', rollout: false },
})

/** Back to A, where the source decides alone again and its writes have no version: what waits for it goes there within the flip, or not. */
export const backToA = (
  writers: Scenario['writers'],
  { drained }: { readonly drained: boolean },
): Scenario => ({
  protocol: PROTOCOL,
  policy: 'available',
  writers,
  copier: false,
  operator: [
    {
      name: drained ? 'flip to A, carrying over what waits' : 'flip to A',
      act: (state) => {
        const { target } = state
        if (drained) {
          for (const { version, value } of target.outbox.toSorted((a, b) => a.version - b.version))
            onSource(state, { acts: ['compare-and-set'], epoch: target.epoch, version, value })
          target.outbox.length = 0
        }
        Object.assign(target, { phase: 'A', epoch: target.epoch + 1 })
      },
    },
    raise,
  ],
  start: { phase: 'B', rollout: false },
})
