import { readAddress } from './address.ts'
import type { Target } from './target.ts'

export interface OpenOptions {
  /** Ends the waiting for a server, and cuts transactions that are under way when it aborts. */
  readonly signal?: AbortSignal
  /** Folder that relative paths are relative to; the working folder unless given. */
  readonly root?: string
  /** Allows clear text over a public network. */
  readonly insecure?: boolean
  /** Connections at the same time, at most. An embedded Postgres has one. */
  readonly connections?: number
  /** How long a server that is waking up is waited for. */
  readonly patienceMillis?: number
  /** Waits as long for one that fell asleep meanwhile: for work that can wait. */
  readonly patientLater?: boolean
  /**
   * For an application, which has somebody waiting: how long a statement or a lock may take where a transaction does not say it itself. A server
   * that is silent for longer than that is given up, and a transaction that stands still, as that of a frozen process does, is ended by the server.
   * Default: ten minutes for a statement, and silence is borne.
   */
  readonly answerMillis?: number
  /** Hears, once, that a server is being waited for: a sentence. */
  readonly waiting?: (sentence: string) => void
}

/** Opens `postgres://…`, `pglite:./folder` or `pglite:memory`. Throws `TargetError`, in words, without the password. */
export async function openTarget(address: string, options: OpenOptions = {}): Promise<Target> {
  const { signal, root = process.cwd(), insecure = false, connections = 6 } = options
  const { patienceMillis = 30_000, patientLater = false, answerMillis, waiting = () => {} } = options
  const place = readAddress(address, { root, insecure })
  // Each loads a driver of its own size: only the one that is needed.
  if (place.kind === 'pglite') {
    const { openPglite } = await import('./pglite-target.ts')
    return openPglite(place, { signal })
  }
  const { openPostgres } = await import('./postgres-target.ts')
  return openPostgres(place, {
    signal,
    connections,
    patienceMillis,
    patientLater,
    answerMillis,
    waiting,
  })
}
