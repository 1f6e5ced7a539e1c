import { KvmigError, SourceError, TargetError } from '../errors.ts'
import { DatabaseError } from '../target/error.ts'
import type { Ending } from './protocol.ts'

/** On its way out of a transaction in which nothing is to be written. */
export const UNCHANGED = new Error('nothing is to be written')

/** On its way out of a transaction before which something was watched that is not any more as it was. */
export const CHANGED = new Error('what was watched has changed')

/** What the caller did wrong, on its way out of a transaction. */
export class Complaint extends Error {
  constructor(cause: unknown) {
    super('complaint', { cause })
  }
}

export const inRollout = (plan: string): KvmigError =>
  new KvmigError(
    'ROLLOUT_COMMAND',
    `${plan} is being rolled out: as long as instances may write the source only, a write that depends on what is there could undo theirs.`,
    { hint: 'Set values as a whole, or wait until kvmig apply --phase=B has ended the rollout.' },
  )

export const sleptThrough = (plan: string): KvmigError =>
  new KvmigError(
    'EPOCH_OVER',
    `${plan} was in phase A when this began, and its rollout is over: nobody may write its source alone any more.`,
  )

/** How a step ended that threw. What is no fault of a store is thrown on. */
export function endingOf(error: unknown): Ending {
  if (error instanceof TargetError) return error.code === 'COMMIT_UNKNOWN' ? 'lost' : 'failed'
  if (error instanceof SourceError) return LOST.has(error.code) ? 'lost' : 'failed'
  if (error instanceof KvmigError) return 'failed'
  throw error
}

const LOST: ReadonlySet<string> = new Set(['SOURCE_LOST', 'SOURCE_TIMEOUT'])

export const unconfirmed = (plan: string, cause: unknown): KvmigError =>
  new KvmigError(
    'WRITE_UNCONFIRMED',
    `A write of ${plan} is not confirmed by both sides: one may have it. ${wordsOf(cause)}`,
    {
      cause,
      hint: `If Postgres took it, it reaches the source from the outbox by itself. ${ONCE_MORE}`,
    },
  )

/** The connection was lost when it should have been answered, and nobody could be asked since. */
export const unknown = (plan: string, cause: unknown): KvmigError =>
  new KvmigError(
    'WRITE_UNKNOWN',
    `Nobody knows yet whether a write of ${plan} took place. ${wordsOf(cause)}`,
    {
      cause,
      hint: `It is there whole or not at all, so nothing has to be mended. ${ONCE_MORE}`,
    },
  )

// Setting is ordered by versions; what counts or appends is done as often as it is asked for.
const ONCE_MORE =
  'Setting the value once more is safe: the newer version wins. A counter or a list may have it already: read it first.'

/** Postgres was asked about a COMMIT whose answer was lost, and says that it did not take place. */
export const rolledBack = (cause: unknown): TargetError =>
  new TargetError(
    'COMMIT_ROLLED_BACK',
    'The connection to Postgres was lost while it was being committed, and Postgres has rolled it back.',
    { cause },
  )

export const refused = (plan: string, cause: unknown): KvmigError => {
  const state = cause instanceof DatabaseError ? cause.sqlState : undefined
  return new KvmigError('WRITE_REFUSED', `A write of ${plan} did not take place. ${wordsOf(cause)}`, {
    cause,
    hint: HINTS[state ?? ''] ?? 'Nothing was changed on either side.',
  })
}

const HINTS: Readonly<Record<string, string>> = {
  '23503': 'What the row refers to has to be there first: write that before it.',
  '42883': 'The ledger is older than this runtime: any kvmig apply of the same version brings it up to date.',
}

// Errors of kvmig's own hold no values.
const wordsOf = (cause: unknown): string => (cause instanceof KvmigError ? cause.message : '')
