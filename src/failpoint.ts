/**
 * A named place where the tests kill the process, to prove that a crash there loses nothing.
 * `KVMIG_FAILPOINT=name` kills at the first passage, `name:3` at the third. Without the variable this is a lookup of one string.
 */
const [armed, nth] = (process.env.KVMIG_FAILPOINT ?? '').split(':')
let passages = 0

export function failpoint(name: FailpointName): void {
  if (armed !== name) return
  passages += 1
  if (passages === Number(nth ?? 1)) process.kill(process.pid, 'SIGKILL')
}

/** Every fail point there is. The kill tests walk this list, and fail if one of them is never reached. */
export const FAILPOINTS = [
  'lease.acquired',
  'lease.renewed',
  'run.started',
  'step.started',
  'step.finished',
  'table.created',
  'backfill.batch-begun',
  'backfill.batch-copied',
  'backfill.conflict-staged',
  'backfill.batch-before-commit',
  'backfill.batch-committed',
  'backfill.scanned',
  'backfill.settled',
  'foreign-key.orphans-removed',
  'foreign-key.created',
  'index.created',
  'gate.judged',
  'run.finished',
] as const

/** Those of what comes after phase A. Each is killed at in the tests of its own part. */
export const LATER_FAILPOINTS = [
  'catch-up.claimed',
  'catch-up.written',
  'catch-up.committed',
  'catch-up.done',
  'reconcile.written',
  'route.flipped',
  'route.raised',
  'outbox.applied',
  'archive.begun',
  'archive.part-written',
  'archive.written',
  'archive.keys-removed',
  'archive.key-restored',
] as const

export type FailpointName = (typeof FAILPOINTS)[number] | (typeof LATER_FAILPOINTS)[number]
