import type { Phase } from '../plan/plan.ts'

/**
 * The protocol of dual-write as a table: which steps each kind of write consists of, what each of them does at one instant, and what
 * follows from how it ended. Pure data. The runtime carries it out, and the model in test/model explores every interleaving of it: what is
 * changed here is changed in both.
 */

/** What one step does at one instant, in this order. */
export type Act =
  /** Compare the epoch that the write carries with the side's; refuse where it is over. The target holds it until it commits. */
  | 'fence'
  /** The record's version + 1, by the target alone: this is the order of all writes. It ends every claim of a copy. */
  | 'advance'
  /** Remember that there is no record, where the write deletes it. */
  | 'tombstone'
  /** Remember what the source has to get, with its version. */
  | 'outbox'
  /** The row itself: written, or deleted. */
  | 'row'
  /** The source's value, only if its version is smaller. */
  | 'compare-and-set'
  /** The source's value, whatever was there (phase A, where there are no versions). */
  | 'set'
  /** Take what was remembered for the source out again. */
  | 'settle'
  /** See the record as the source has it. */
  | 'read'
  /** Go on only if no live write has touched the record. */
  | 'claim'
  /** Take the oldest change that the source has not confirmed. */
  | 'take'

export type StepName = 'record' | 'carry' | 'settle' | 'set' | 'read' | 'copy' | 'take'

export interface Step {
  readonly name: StepName
  readonly side: 'source' | 'target'
  readonly does: readonly Act[]
  /** What follows. `lost`: nobody knows whether it took place; the target can be asked later, the source need not be. */
  readonly on: { readonly [ending in Ending]: Next }
}

export type Ending = 'ok' | 'failed' | 'lost' | 'fenced'

/**
 * `next`: the step after this one. `again`: from the first step, by the route as it is now. `retry`: this step, with the epoch as it is
 * now; where the source is not written any more, the step after it. `ask`: find out whether it took place; then `ok` or `failed`.
 */
export type Next = 'next' | 'again' | 'retry' | 'ask' | Answer

/**
 * What the caller hears. `done`: both sides have it, or will not lose it. `pending`: the target has it, and the outbox carries it to the
 * source; what that means is up to `answerPending`. `refused`: nothing took place. `unknown`: nobody knows.
 */
export type Answer = 'done' | 'pending' | 'refused' | 'unknown'

export type Procedure = 'source-write' | 'dual-write' | 'target-write' | 'copy' | 'drain'

const settle: Step = {
  name: 'settle',
  side: 'target',
  does: ['settle'],
  // What stays in the outbox is carried again, and found to be there.
  on: { ok: 'done', failed: 'done', lost: 'done', fenced: 'done' },
}

export const PROTOCOL: Readonly<Record<Procedure, readonly Step[]>> = {
  'source-write': [
    {
      name: 'set',
      side: 'source',
      does: ['fence', 'set'],
      on: { ok: 'done', failed: 'refused', lost: 'unknown', fenced: 'again' },
    },
  ],
  'dual-write': [
    {
      name: 'record',
      side: 'target',
      does: ['fence', 'advance', 'tombstone', 'outbox', 'row'],
      on: { ok: 'next', failed: 'refused', lost: 'ask', fenced: 'again' },
    },
    {
      name: 'carry',
      side: 'source',
      does: ['fence', 'compare-and-set'],
      on: { ok: 'next', failed: 'pending', lost: 'pending', fenced: 'retry' },
    },
    settle,
  ],
  'target-write': [
    {
      name: 'record',
      side: 'target',
      does: ['fence', 'advance', 'tombstone', 'row'],
      on: { ok: 'done', failed: 'refused', lost: 'ask', fenced: 'again' },
    },
  ],
  // The backfill while others may write, the catch-up pass, read-through.
  copy: [
    {
      name: 'read',
      side: 'source',
      does: ['read'],
      on: { ok: 'next', failed: 'refused', lost: 'refused', fenced: 'refused' },
    },
    {
      name: 'copy',
      side: 'target',
      does: ['fence', 'claim', 'row'],
      on: { ok: 'done', failed: 'refused', lost: 'refused', fenced: 'refused' },
    },
  ],
  drain: [
    {
      name: 'take',
      side: 'target',
      does: ['take'],
      on: { ok: 'next', failed: 'refused', lost: 'refused', fenced: 'refused' },
    },
    {
      name: 'carry',
      side: 'source',
      does: ['fence', 'compare-and-set'],
      on: { ok: 'next', failed: 'pending', lost: 'pending', fenced: 'retry' },
    },
    settle,
  ],
}

/** How a phase writes. */
export const writeProcedure = (phase: Phase): 'source-write' | 'dual-write' | 'target-write' =>
  phase === 'A' ? 'source-write' : phase === 'D' ? 'target-write' : 'dual-write'

/** Which side a phase reads. */
export const readSide = (phase: Phase): 'source' | 'target' =>
  phase === 'A' || phase === 'B' ? 'source' : 'target'

export type FailurePolicy = 'strict' | 'available'

/**
 * What a caller hears of a write that the target has and the source has not confirmed. As long as instances may be alive that write the
 * source only, the source decides, and a success that it does not know of could be overwritten: then the policy is not asked.
 */
export const answerPending = (policy: FailurePolicy, rollout: boolean): 'done' | 'unconfirmed' =>
  policy === 'available' && !rollout ? 'done' : 'unconfirmed'
