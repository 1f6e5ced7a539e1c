import { randomUUID } from 'node:crypto'
import { EXIT, LeaseError, TargetError } from '../errors.ts'
import { failpoint } from '../failpoint.ts'
import type { Statement, Target, Transaction } from '../target/target.ts'
import { isoTime } from './iso-time.ts'
import type { Lease, LeaseDesk, LeaseInfo } from './ledger.ts'
import { readLedger, repeatably } from './schema.ts'

/**
 * The lease is one row, its expiry by the database's clock. A process that was stopped and wakes after another took over finds another id
 * there (`fence`), and writes nothing.
 */
export function leaseDesk(target: Target, { termMillis }: { readonly termMillis: number }): LeaseDesk {
  return {
    async acquire(holder) {
      // Without a lock first: a holder that is alive may keep the row locked for as long as its transaction takes.
      const current = await currentLease(target)
      if (current) throw heldBy(current)
      const id = randomUUID()
      try {
        await repeatably(() =>
          target.transaction((tx) => take(tx, id, holder, termMillis), { lockMillis: LOCK_MILLIS }),
        )
      } catch (error) {
        throw (await stillBusy(target, error)) ?? error
      }
      failpoint('lease.acquired')
      return new HeldLease(target, id, termMillis)
    },
    current: () => currentLease(target),
    unlock: (id) => repeatably(() => target.transaction((tx) => giveUp(tx, id))),
  }
}

const LOCK_MILLIS = 2000

const currentLease = (target: Target): Promise<LeaseInfo | undefined> =>
  readLedger(target, async (tx) => held((await tx.query(`SELECT ${ROW} FROM kvmig.lease`))[0]), undefined)

const ROW = `id, holder, since, until, holder IS NOT NULL AND until > clock_timestamp() AS held`

async function take(tx: Transaction, id: string, holder: string, termMillis: number): Promise<void> {
  const [row] = await tx.query(`SELECT ${ROW} FROM kvmig.lease FOR UPDATE`)
  const other = held(row)
  // Ours, if a COMMIT whose answer was lost went through after all.
  if (other && other.id !== id) throw heldBy(other)
  await tx.query(
    `UPDATE kvmig.lease SET id = $1, epoch = epoch + 1, holder = $2, since = clock_timestamp(),
      until = clock_timestamp() + $3 * interval '1 millisecond'`,
    [id, holder, termMillis],
  )
}

async function giveUp(tx: Transaction, id: string): Promise<boolean> {
  const rows = await tx.query(
    `UPDATE kvmig.lease SET id = gen_random_uuid(), holder = NULL, until = clock_timestamp() WHERE id = $1 RETURNING id`,
    [id],
  )
  return rows.length > 0
}

type Row = Readonly<Record<string, string | null>>

const held = (row: Row | undefined): LeaseInfo | undefined =>
  row?.held === 't'
    ? { id: row.id!, holder: row.holder!, since: isoTime(row.since!), until: isoTime(row.until!) }
    : undefined

const heldBy = ({ holder, since, until, id }: LeaseInfo): LeaseError =>
  new LeaseError(
    'LEASE_HELD',
    `${holder} is applying since ${since}, and holds the lease until ${until} at least.`,
    {
      hint: `Wait for it. If that process is gone, its lease ends by itself then; kvmig unlock ${id} takes it away now.`,
      exitCode: EXIT.leaseHeld,
    },
  )

// The lease has run out, but a transaction of its holder is still open and keeps the row.
async function stillBusy(target: Target, error: unknown): Promise<LeaseError | undefined> {
  if (!(error instanceof TargetError) || error.code !== 'LOCK_TIMEOUT') return undefined
  const current = await currentLease(target)
  if (current) return heldBy(current)
  return new LeaseError('LEASE_HELD', 'The last holder of the lease still has a transaction open.', {
    hint: 'Wait a little: the server ends the transactions of processes that are gone.',
    exitCode: EXIT.leaseHeld,
  })
}

class HeldLease implements Lease {
  readonly id: string
  readonly #target: Target
  readonly #termMillis: number
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #renewing: Promise<void> = Promise.resolve()
  #released = false

  constructor(target: Target, id: string, termMillis: number) {
    this.id = id
    this.#target = target
    this.#termMillis = termMillis
    this.#renewLater()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /**
   * The row stays locked until the transaction ends, so nobody takes the lease in between. That it has run out does not matter as long as
   * nobody else took it. KEY SHARE lets renewals pass.
   */
  async fence(tx: Transaction, also: readonly Statement[] = []): ReturnType<Transaction['queries']> {
    const fence = { sql: 'SELECT 1 FROM kvmig.lease WHERE id = $1 FOR KEY SHARE', parameters: [this.id] }
    const [rows, ...others] = await tx.queries([fence, ...also])
    if (rows!.length === 0) throw this.#lost()
    return others
  }

  async release(): Promise<void> {
    this.#released = true
    clearTimeout(this.#timer)
    await this.#renewing
    await repeatably(() => this.#target.transaction((tx) => giveUp(tx, this.id)))
  }

  #renewLater(): void {
    if (this.#released || this.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.#renewing = this.#renew().finally(() => this.#renewLater())
    }, this.#termMillis / 3)
    // A process that has nothing else to do may end.
    this.#timer.unref()
  }

  async #renew(): Promise<void> {
    const renewed = await this.#target
      .transaction((tx) =>
        tx.query(
          `UPDATE kvmig.lease SET until = clock_timestamp() + $2 * interval '1 millisecond' WHERE id = $1 RETURNING id`,
          [this.id, this.#termMillis],
        ),
      )
      // The target is out of reach, or the answer was: the next renewal will tell, and every write asks anyway.
      .catch(() => undefined)
    if (renewed === undefined) return
    failpoint('lease.renewed')
    if (renewed.length === 0 && !this.#released) this.#lost()
  }

  #lost(): LeaseError {
    const error = new LeaseError(
      'LEASE_LOST',
      'The lease was taken away: another kvmig is applying, or somebody unlocked it.',
      {
        hint: 'Nothing was written since. Look with kvmig status who is applying, then apply again.',
        exitCode: EXIT.leaseHeld,
      },
    )
    this.#controller.abort(error)
    return error
  }
}
