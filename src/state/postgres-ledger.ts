import type { Target } from '../target/target.ts'
import { journal } from './journal.ts'
import { leaseDesk } from './lease.ts'
import type { Ledger } from './ledger.ts'
import { origins } from './origins.ts'
import { progress } from './progress.ts'
import { quarantine } from './quarantine.ts'
import { dropSchema, installSchema, readLedger } from './schema.ts'
import { spending } from './spending.ts'

export interface LedgerOptions {
  /** How long a lease lasts without being renewed, by the database's clock. It is renewed every third of it. */
  readonly leaseMillis?: number
}

/** The ledger in schema `kvmig` of the target. Opening it changes nothing: `install` does. */
export function openLedger(target: Target, { leaseMillis = 30_000 }: LedgerOptions = {}): Ledger {
  return {
    install: () => installSchema(target),
    installed: () => readLedger(target, async () => true, false),
    uninstall: () => dropSchema(target),
    lease: leaseDesk(target, { termMillis: leaseMillis }),
    quarantine: quarantine(target),
    origins: origins(target),
    spending: spending(target),
    ...journal(target),
    ...progress(target),
  }
}
