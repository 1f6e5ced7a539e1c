import { randomUUID } from 'node:crypto'
import type { Phase } from '../plan/plan.ts'
import type { Target } from '../target/target.ts'
import { isoTime } from './iso-time.ts'
import type { Ledger, RunRecord } from './ledger.ts'
import { readLedger, repeatably } from './schema.ts'

type Journal = Pick<Ledger, 'beginRun' | 'finishRun' | 'runs' | 'saveFindings' | 'findings' | 'usePlan'>

/** Who did what when, and what the gates found. */
export function journal(target: Target): Journal {
  return {
    async beginRun(run) {
      const id = randomUUID()
      await repeatably(() =>
        target.transaction((tx) =>
          tx.query(
            `INSERT INTO kvmig.run (id, command, phase, plans, plan_hash, who, host, git_commit, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
              ON CONFLICT (id) DO NOTHING`,
            [
              id,
              run.command,
              run.phase,
              JSON.stringify(run.plans),
              run.planHash,
              run.who,
              run.host,
              run.commit,
              run.version,
            ],
          ),
        ),
      )
      return id
    },

    async finishRun(id, outcome, summary) {
      await repeatably(() =>
        target.transaction((tx) =>
          tx.query('UPDATE kvmig.run SET outcome = $2, summary = $3, finished_at = now() WHERE id = $1', [
            id,
            outcome,
            JSON.stringify(summary),
          ]),
        ),
      )
    },

    runs: (limit) =>
      readLedger(
        target,
        async (tx) => {
          const rows = await tx.query('SELECT * FROM kvmig.run ORDER BY started_at DESC LIMIT $1', [limit])
          return rows.map(readRun)
        },
        [],
      ),

    async saveFindings(tx, run, plan, gate, findings) {
      await tx.query('INSERT INTO kvmig.finding (run, plan, gate, findings) VALUES ($1, $2, $3, $4)', [
        run,
        plan,
        gate,
        JSON.stringify(findings),
      ])
    },

    findings: (plan) =>
      readLedger(
        target,
        async (tx) => {
          const rows = await tx.query(
            'SELECT gate, at, findings FROM kvmig.finding WHERE plan = $1 ORDER BY id DESC',
            [plan],
          )
          return rows.map(({ gate, at, findings }) => ({
            gate: gate!,
            at: isoTime(at!),
            findings: JSON.parse(findings!),
          }))
        },
        [],
      ),

    async usePlan(tx, digest) {
      const rows = await tx.query(
        'INSERT INTO kvmig.used_plan (digest) VALUES ($1) ON CONFLICT (digest) DO NOTHING RETURNING digest',
        [digest],
      )
      return rows.length > 0 ? 'used now' : 'used before'
    },
  }
}

function readRun(row: Record<string, string | null>): RunRecord {
  return {
    id: row.id!,
    command: row.command!,
    phase: (row.phase ?? undefined) as Phase | undefined,
    plans: JSON.parse(row.plans!),
    planHash: row.plan_hash!,
    who: row.who!,
    host: row.host!,
    commit: row.git_commit ?? undefined,
    version: row.version!,
    startedAt: isoTime(row.started_at!),
    finishedAt: row.finished_at ? isoTime(row.finished_at) : undefined,
    outcome: row.outcome ?? undefined,
    summary: row.summary ? JSON.parse(row.summary) : undefined,
  }
}
