import { failpoint } from '../failpoint.ts'
import { place } from '../plan/passes/pass.ts'
import type { ForeignKeyStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { addForeignKey, dropConstraint } from '../target/ddl.ts'
import type { Context, Executor } from './executor.ts'
import { quarantineOrphans } from './orphans.ts'
import { replayOrphans } from './replay.ts'
import { doStep } from './transact.ts'

/** Takes rows without a parent out of the table and into the quarantine, then adds the constraint, NOT VALID so that nothing waits. */
export const foreignKey: Executor<ForeignKeyStep> = {
  kind: 'foreign_key',
  describe: ({ name, table, reference }) => ({
    symbol: '+',
    verb: 'foreign key',
    subject: `${showTable(table)}.${reference.columns.join(', ')} ► ${showTable(reference.to)}`,
    detail: [name, 'orphans to quarantine', reference.onDelete === 'cascade' && 'on delete cascade']
      .filter(Boolean)
      .join(', '),
  }),
  run: async (step, context) => {
    await giveOrphansAnotherChance(step, context)
    const outcome = await doStep(context, step, async (tx) => {
      const quarantined = await quarantineOrphans(tx, step, context)
      failpoint('foreign-key.orphans-removed')
      await tx.query(addForeignKey(step.table, step.name, step.reference))
      return { quarantined }
    })
    failpoint('foreign-key.created')
    return outcome
  },
  revert: async (tx, { table, name }) => {
    await tx.query(dropConstraint(table, name))
  },
}

/** Parents may have come since the records were quarantined, if this is not the first time. */
async function giveOrphansAnotherChance({ table }: ForeignKeyStep, context: Context): Promise<void> {
  for (const { plan, mapping, table: definition } of context.compiled.writers(table)) {
    const { source } = context.project.plans.find((it) => it.name === plan)!
    const step = { ...place(plan, 'backfill', mapping.name), plan, source, mapping, table: definition }
    // Its fingerprint does not matter: nothing is written down of the step.
    await replayOrphans({ ...step, beside: '' }, context)
  }
}
