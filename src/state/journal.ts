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
          tx.db
            .insertInto('kvmig.run')
            .values({
              id,
              command: run.command,
              phase: run.phase ?? null,
              plans: JSON.stringify(run.plans),
              plan_hash: run.planHash,
              who: run.who,
              host: run.host,
              git_commit: run.commit ?? null,
              version: run.version,
            })
            .onConflict((it) => it.column('id').doNothing())
            .execute(),
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
          const rows = await tx.db
            .selectFrom('kvmig.run')
            .selectAll()
            .orderBy('started_at', 'desc')
            .limit(limit)
            .execute()
          return rows.map(readRun)
        },
        [],
      ),

    async saveFindings(tx, run, plan, gate, findings) {
      await tx.db
        .insertInto('kvmig.finding')
        .values({ run, plan, gate, findings: JSON.stringify(findings) })
        .execute()
    },

    findings: (plan) =>
      readLedger(
        target,
        async (tx) => {
          const rows = await tx.db
            .selectFrom('kvmig.finding')
            .select(['gate', 'at', 'findings'])
            .where('plan', '=', plan)
            .orderBy('id', 'desc')
            .execute()
          return rows.map(({ gate, at, findings }) => ({
            gate,
            at: isoTime(at),
            findings: JSON.parse(findings),
          }))
        },
        [],
      ),

    async usePlan(tx, digest) {
      const rows = await tx.db
        .insertInto('kvmig.used_plan')
        .values({ digest })
        .onConflict((it) => it.column('digest').doNothing())
        .returning('digest')
        .execute()
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
