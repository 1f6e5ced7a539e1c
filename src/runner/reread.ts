import type { Reread } from '../checks/read-records.ts'
import type { Session } from './session.ts'

/** How records of merged rows are read again in a session. */
export const rereadOf = (session: Session, signal: AbortSignal = session.signal): Reread => ({
  project: session.project,
  compiled: session.compiled,
  target: session.target,
  signal,
  source: (name) => session.source(name),
})
