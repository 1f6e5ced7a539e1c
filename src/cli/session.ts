import type { Project } from '../plan/plan.ts'
import { Session } from '../runner/session.ts'
import type { CommonOptions } from './args.ts'
import type { Io } from './io.ts'

export interface SessionRequest {
  readonly project: Project
  readonly options: Pick<CommonOptions, 'env'> & { readonly rate?: number | undefined }
  readonly io: Io
}

/** Opens the stores of a project, and closes them whatever happens. */
export async function withSession<T>(
  { project, options, io }: SessionRequest,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { SESSION_PARTS } = await import('../catalog.ts')
  const session = await Session.open({
    project,
    parts: SESSION_PARTS,
    variables: io.env,
    environment: options.env,
    signal: io.signal,
    perSecond: options.rate,
  })
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}
