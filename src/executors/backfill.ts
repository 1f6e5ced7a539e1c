import { EXIT, StepError } from '../errors.ts'
import { insideOf } from '../plan/plan.ts'
import type { BackfillStep } from '../plan/step.ts'
import { sameTable, showTable } from '../plan/table.ts'
import { qualified } from '../target/ddl.ts'
import { inspectTable } from '../target/inspect.ts'
import type { Copy } from './copy.ts'
import type { Context, Executor, Outcome } from './executor.ts'
import { deleteOwned } from './owned.ts'
import { Pass } from './pass.ts'
import { replayOrphans } from './replay.ts'

/**
 * Copies what mappings make of a source. Steps of one source that are ready together share one pass, so that every key is read once.
 */
export const backfill: Executor<BackfillStep> = {
  kind: 'backfill',
  describe: ({ mapping, table }) => ({
    symbol: '>',
    verb: 'backfill',
    subject: `${mapping.match.source} ► ${showTable(table.name)}`,
    detail: [
      mapping.type,
      mapping.each &&
        `each ${[mapping.each.kind === 'path' ? [] : mapping.each.kind, insideOf(mapping.each)?.path ?? []].flat().join('.')}`,
    ]
      .filter(Boolean)
      .join(', '),
  }),
  together: (step) => step.source,
  run: async (step, context) => (await copyTogether([step], context)).get(step.id)!,
  runTogether: copyTogether,
  revert: async (tx, step, { tracked }, { ledger }) => {
    const { name } = step.table
    // Whoever accepted a record has accepted it, if the next copy rejects it again for the same reason.
    await ledger.quarantine.doubt(tx, step.plan, step.mapping.name)
    if (!(await inspectTable(tx, name))) return
    // With origins, exactly the rows that came from here go; without, the table is kvmig's own and holds nothing else.
    if (tracked) await deleteOwned(tx, step, ledger)
    else await tx.query(`TRUNCATE ${qualified(name)}`)
  },
}

async function copyTogether(
  steps: readonly BackfillStep[],
  context: Context,
): Promise<ReadonlyMap<string, Outcome>> {
  const pass = await Pass.open(steps, context)
  await pass.copy()
  await pass.settle()
  for (const copy of pass.copies) await joinLateParents(copy, context)
  const outcomes = new Map(pass.copies.map((copy) => [copy.step.id, outcomeOf(copy)] as const))
  await pass.close((tx, { step }) => context.record(tx, step, outcomes.get(step.id)!))
  return outcomes
}

/** In a table whose foreign key to itself is there already, a row may have come before the one it refers to. */
async function joinLateParents(copy: Copy, context: Context): Promise<void> {
  const { references, name } = copy.loading.table
  if (!references.some((it) => sameTable(it.to, name))) return
  const { inserted, updated } = await replayOrphans(copy.step, context)
  const { counts } = copy
  copy.counts = {
    ...counts,
    inserted: counts.inserted + inserted,
    updated: counts.updated + updated,
    rejected: counts.rejected - inserted - updated,
  }
}

function outcomeOf({ step, counts }: Copy): Outcome {
  const records = counts.inserted + counts.updated + counts.unchanged + counts.duplicate + counts.rejected
  const { rejectLimit, match } = step.mapping
  if (rejectLimit !== undefined && records > 0 && counts.rejected / records > rejectLimit) {
    return {
      status: 'failed',
      counts: { ...counts },
      error: new StepError(
        'REJECT_LIMIT',
        `${step.id} rejected ${counts.rejected} of ${records} records of ${match.source}, more than the ${rejectLimit * 100}% that the plan allows.`,
        {
          hint: 'See why with `kvmig status`, mend the plan or the data, then apply again.',
          exitCode: EXIT.couldNot,
        },
      ),
    }
  }
  return { status: 'done', counts: { ...counts } }
}
