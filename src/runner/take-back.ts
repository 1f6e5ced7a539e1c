import { KvmigError } from '../errors.ts'
import { adoptRows } from '../executors/adopt.ts'
import type { Context, Executor } from '../executors/executor.ts'
import type { Step } from '../plan/step.ts'
import type { Standing, StepState } from '../plan/step-state.ts'
import { sameTable, showTable, type TableName } from '../plan/table.ts'
import type { StepRecord } from '../state/ledger.ts'
import { repeatably } from '../state/schema.ts'
import type { Transaction } from '../target/target.ts'

export type Executors = { readonly [K in Step['kind']]: Executor }

/**
 * Takes steps back and forgets them, in one transaction: a run that is killed meanwhile has taken nothing back. What runs after it may
 * rely on `also`, which is part of the same transaction.
 */
export async function takeBack(
  steps: readonly StepRecord[],
  { executors, context }: { readonly executors: Executors; readonly context: Context },
  also: (tx: Transaction) => Promise<void> = async () => {},
): Promise<void> {
  const { target, lease, ledger, project } = context
  const work = async (tx: Transaction): Promise<void> => {
    await lease.fence(tx)
    for (const { kind, definition } of steps) {
      await executors[kind as Step['kind']].revert?.(tx, definition, definition, context)
    }
    await ledger.forgetSteps(
      tx,
      steps.map((it) => it.id),
    )
    await also(tx)
  }
  await repeatably(() => target.transaction(work, { searchPath: [project.targetSchema], statementMillis: 0 }))
}

/**
 * Brings the ledger to where this run begins: takes back what was edited, marks what is to be done again as unfinished, so that a run that
 * is killed does not forget it, and sees to it that origins are kept where they are needed from now on.
 */
export async function prepare(
  { undo, states }: Standing<StepRecord>,
  records: ReadonlyMap<string, StepRecord>,
  { executors, context }: { readonly executors: Executors; readonly context: Context },
): Promise<void> {
  const { compiled, ledger } = context
  requireFree(undo, [...records.values()])
  const undone = new Set(undo.map((it) => it.id))
  const left = [...records.values()].filter((it) => !undone.has(it.id))
  const again = left.filter((it) => states.get(it.id)?.state === 'again')
  const flipped = left.filter(
    ({ kind, definition }) => kind === 'backfill' && definition.tracked !== tracked(definition, context),
  )
  if (undo.length + again.length + flipped.length === 0) return
  await takeBack(undo, { executors, context }, async (tx) => {
    for (const record of flipped) {
      const step = record.definition
      if (!has(context, step)) continue
      if (tracked(step, context))
        await adoptRows(
          tx,
          step.table.name,
          { plan: step.plan, mapping: step.mapping.name },
          { compiled, ledger },
        )
      else await ledger.origins.clear(tx, showTable(step.table.name))
      await ledger.saveStep(tx, { ...record, definition: { ...step, tracked: tracked(step, context) } })
    }
    // Nobody copies again what no mapping is left for.
    for (const { id, definition } of undo)
      if (definition.kind === 'backfill' && !states.has(id))
        await ledger.quarantine.clear(tx, definition.plan, definition.mapping.name)
    // Where somebody only asked for it, the place stays at which a source goes on with what has changed.
    const anew = again.filter((it) => becauseOf(states.get(it.id)) !== undefined || flipped.includes(it))
    await ledger.dropPasses(
      tx,
      anew.map((it) => it.id),
    )
    for (const it of again)
      await ledger.saveStep(tx, { ...it, definition: withTracked(it, context), state: 'running' })
  })
}

const becauseOf = (state: StepState | undefined): string | undefined =>
  state?.state === 'again' ? state.because : undefined

/** Refuses to drop or empty a table that a plan which is left alone refers to, or writes. */
export function requireFree(undo: readonly StepRecord[], records: readonly StepRecord[]): void {
  const undone = new Set(undo.map((it) => it.id))
  const emptied = undo
    .filter((it) => it.kind === 'table' || it.kind === 'backfill')
    .map((it): { step: Step; name: TableName } => ({ step: it.definition, name: it.definition.table.name }))
  for (const { id, kind, plan, definition } of records) {
    if (undone.has(id)) continue
    const table: TableName | undefined =
      kind === 'foreign_key'
        ? definition.reference.to
        : kind === 'backfill'
          ? definition.table.name
          : undefined
    const base =
      table &&
      emptied.find(
        (it) =>
          sameTable(it.name, table) &&
          (kind === 'foreign_key' || (it.step.kind === 'table' && it.step.table.owner === 'plan')),
      )
    if (!base) continue
    const [what, verb] =
      kind === 'foreign_key' ? [showTable(definition.table), 'refers to'] : [`plan ${plan}`, 'writes']
    throw new KvmigError(
      'STILL_REFERENCED',
      `${what}${kind === 'foreign_key' ? ` of plan ${plan}` : ''} ${verb} ${showTable(base.name)}, which has to be emptied or dropped.`,
      {
        hint: `Name plan ${plan} too: what it has there has to go first.`,
      },
    )
  }
}

const tracked = (step: Extract<Step, { kind: 'backfill' }>, { compiled }: Context): boolean =>
  compiled.tracked(step.table.name)

const has = ({ project }: Context, { plan, mapping }: Extract<Step, { kind: 'backfill' }>): boolean =>
  project.plans.some(
    (it) =>
      it.name === plan && it.rules.some((rule) => rule.kind === 'mapping' && rule.name === mapping.name),
  )

const withTracked = ({ kind, definition }: StepRecord, context: Context) =>
  kind === 'backfill' ? { ...definition, tracked: tracked(definition, context) } : definition
