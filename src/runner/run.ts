import { KvmigError } from '../errors.ts'
import type { Context } from '../executors/executor.ts'
import { failpoint } from '../failpoint.ts'
import type { RunRecord, RunStart } from '../state/ledger.ts'
import { type ContextOptions, createContext } from './context.ts'
import { takeLease } from './lease.ts'
import type { Session } from './session.ts'
import { measureStorage } from './storage.ts'

export interface RunOptions
  extends Pick<ContextOptions, 'fingerprint' | 'listener' | 'batchRows' | 'requireGoing'> {
  readonly session: Session
  readonly run: RunStart
  readonly ask?: (context: Pick<Context, 'signal'>) => Context['ask']
}

/** What a run came to, for the journal. */
export interface Ended<T> {
  readonly result: T
  readonly outcome: 'done' | 'closed' | 'failed' | 'interrupted'
  readonly summary: RunRecord['summary']
}

/** Does work as one run: under the lease, with a line in the journal that says how it ended. Throws LEASE_LOST if it was taken away. */
export async function inRun<T>(
  options: RunOptions,
  work: (context: Context) => Promise<Ended<T>>,
): Promise<T> {
  const { session, run, ask, fingerprint, listener, batchRows, requireGoing } = options
  const { ledger } = session
  await ledger.install()
  const lease = await takeLease(ledger, run)
  try {
    const id = await ledger.beginRun(run)
    failpoint('run.started')
    const signal = AbortSignal.any([session.signal, lease.signal])
    const asked = ask ?? (() => async () => new Map())
    const context = createContext({
      session,
      lease,
      run: id,
      signal,
      fingerprint,
      ask: asked({ signal }),
      listener,
      batchRows,
      requireGoing,
    })
    const result = await writeEnd({ ledger, id, signal }, async () => withSize(await work(context), session))
    failpoint('run.finished')
    if (lease.signal.aborted) throw lease.signal.reason
    return result
  } finally {
    await lease.release().catch(() => {})
  }
}

// How large the database was at the end of a run: two of them tell how fast it grows.
async function withSize<T>(ended: Ended<T>, { target }: Session): Promise<Ended<T>> {
  const size = await measureStorage(target)
  return size ? { ...ended, summary: { ...ended.summary, storage: size.bytes } } : ended
}

/** Does something small and leaves a line about it in the journal; a run that is under way goes on beside it. */
export async function inJournal<T>(
  { ledger, signal }: Pick<Session, 'ledger' | 'signal'>,
  run: RunStart,
  work: () => Promise<Ended<T>>,
): Promise<T> {
  const id = await ledger.beginRun(run)
  return writeEnd({ ledger, id, signal }, work)
}

async function writeEnd<T>(
  { ledger, id, signal }: Pick<Session, 'ledger' | 'signal'> & { readonly id: string },
  work: () => Promise<Ended<T>>,
): Promise<T> {
  const { result, outcome, summary } = await work().catch(async (error: unknown) => {
    const outcome = signal.aborted ? 'interrupted' : 'failed'
    await ledger.finishRun(id, outcome, { error: codeOf(error) }).catch(() => {})
    throw error
  })
  await ledger.finishRun(id, outcome, summary)
  return result
}

const codeOf = (error: unknown): string => (error instanceof KvmigError ? error.code : 'UNEXPECTED')
