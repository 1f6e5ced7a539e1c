import type { Phase } from '../plan/plan.ts'
import { textArray } from '../target/parameters.ts'
import type { Target } from '../target/target.ts'
import { isoTime } from './iso-time.ts'
import type { Json, Ledger, StepRecord } from './ledger.ts'
import { readLedger } from './schema.ts'

type Progress = Pick<
  Ledger,
  | 'steps'
  | 'saveStep'
  | 'forgetSteps'
  | 'checkpoint'
  | 'saveCheckpoint'
  | 'dropCheckpoint'
  | 'dropPasses'
  | 'routes'
  | 'saveRoute'
  | 'forgetRoute'
>

/** How far each plan has come: its steps, the passes over its sources, its phase. */
export function progress(target: Target): Progress {
  return {
    steps: () =>
      readLedger(
        target,
        async (tx) => {
          const rows = await tx.query('SELECT * FROM kvmig.step ORDER BY id')
          return new Map(rows.map((row) => [row.id!, readStep(row)]))
        },
        new Map<string, StepRecord>(),
      ),

    async saveStep(tx, step) {
      const { id, plan, phase, kind, fingerprint, state, definition, outcome } = step
      await tx.query(
        `INSERT INTO kvmig.step (id, plan, phase, kind, fingerprint, state, definition, outcome) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
          ON CONFLICT (id) DO UPDATE SET plan = excluded.plan, phase = excluded.phase, kind = excluded.kind,
            fingerprint = excluded.fingerprint, state = excluded.state, definition = excluded.definition, outcome = excluded.outcome, at = now()`,
        [id, plan, phase, kind, fingerprint, state, toJson(definition), toJson(outcome)],
      )
    },

    async forgetSteps(tx, ids) {
      await tx.query('DELETE FROM kvmig.step WHERE id = ANY ($1::text[])', [textArray(ids)])
      await this.dropPasses(tx, ids)
    },

    checkpoint: (pass) =>
      readLedger(
        target,
        async (tx) => {
          const [row] = await tx.query('SELECT * FROM kvmig.checkpoint WHERE pass = $1', [pass])
          return (
            row && {
              identity: row.identity!,
              cursor: row.cursor ?? undefined,
              counts: fromJson(row.counts!),
              batch: Number(row.batch),
            }
          )
        },
        undefined,
      ),

    async saveCheckpoint(tx, pass, { identity, cursor, counts, batch }) {
      tx.atEnd(
        `INSERT INTO kvmig.checkpoint (pass, identity, cursor, counts, batch) VALUES ($1, $2, $3, $4, $5)
          ON CONFLICT (pass) DO UPDATE SET identity = excluded.identity, cursor = excluded.cursor, counts = excluded.counts,
            batch = excluded.batch, at = now()`,
        [pass, identity, cursor, toJson(counts), batch],
      )
    },

    async dropCheckpoint(tx, pass) {
      await tx.query('DELETE FROM kvmig.checkpoint WHERE pass = $1', [pass])
    },

    async dropPasses(tx, steps) {
      await tx.query('DELETE FROM kvmig.checkpoint WHERE counts ?| $1::text[]', [textArray(steps)])
    },

    routes: () =>
      readLedger(
        target,
        async (tx) => {
          const rows = await tx.query('SELECT * FROM kvmig.route ORDER BY plan')
          return new Map(
            rows.map(({ plan, phase, epoch, since, rollout }) => [
              plan as string,
              {
                phase: phase as Phase,
                epoch: Number(epoch),
                since: isoTime(since!),
                rollout: rollout === 't',
              },
            ]),
          )
        },
        new Map(),
      ),

    async saveRoute(tx, plan, phase) {
      // The same phase twice is one change of route.
      await tx.query(
        `INSERT INTO kvmig.route AS r (plan, phase, epoch)
          VALUES ($1, $2, 1 + coalesce((SELECT epoch FROM kvmig.last_epoch WHERE plan = $1), 0))
          ON CONFLICT (plan) DO UPDATE SET phase = excluded.phase, epoch = r.epoch + 1, since = now() WHERE r.phase <> excluded.phase`,
        [plan, phase],
      )
    },

    async forgetRoute(tx, plan) {
      await tx.query(
        `WITH gone AS (DELETE FROM kvmig.route WHERE plan = $1 RETURNING plan, epoch)
          INSERT INTO kvmig.last_epoch SELECT * FROM gone ON CONFLICT (plan) DO UPDATE SET epoch = excluded.epoch`,
        [plan],
      )
    },
  }
}

const toJson = (value: Json): string | null => (value === undefined ? null : JSON.stringify(value))
const fromJson = (text: string | null): Json => (text === null ? undefined : JSON.parse(text))

const readStep = (row: Record<string, string | null>): StepRecord => ({
  id: row.id!,
  plan: row.plan ?? undefined,
  phase: row.phase as Phase,
  kind: row.kind!,
  fingerprint: row.fingerprint!,
  state: row.state as StepRecord['state'],
  definition: fromJson(row.definition!),
  outcome: fromJson(row.outcome!),
  at: isoTime(row.at!),
})
