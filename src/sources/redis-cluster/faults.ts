import { SourceError } from '../../errors.ts'

/** A node that was read is not there any more, or is another one's. */
export const changed = (label: string): SourceError =>
  new SourceError(
    'SOURCE_CHANGED',
    `${label} has other nodes than before: one has failed over, or is gone, and its cursors mean nothing any more.`,
    { hint: 'The scan has to begin anew; what was copied is not copied twice.' },
  )

/** Slots move faster than they can be read. */
export const restless = (label: string): SourceError =>
  new SourceError('SOURCE_UNSTABLE', `Slots of ${label} are being moved, and do not come to rest.`, {
    hint: 'Run the same again when the cluster has been rebalanced: it goes on.',
  })
