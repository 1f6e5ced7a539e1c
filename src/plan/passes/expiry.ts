import { showTable } from '../table.ts'
import { edges, inSchemaOf, type Pass, place, stepsAbout } from './pass.ts'

/** The view that hides expired rows, as soon as there is a table; a sweeper in the database, once its rows and indexes are there. */
export const addExpiry: Pass = (draft) => {
  const expiring = draft.tables.flatMap(({ definition: { name, expiry }, plan }) =>
    expiry ? [{ name, plan, expiry }] : [],
  )
  const views = expiring.map(({ name, plan, expiry: { view, column, sweep } }) => ({
    ...place(plan, 'view', inSchemaOf(name, view)),
    table: name,
    view,
    column,
    sweep,
  }))
  const sweeps = expiring
    .filter(({ expiry }) => expiry.sweep === 'pg_cron')
    .map(({ name, plan, expiry: { column } }) => ({
      ...place(plan, 'sweep', showTable(name)),
      table: name,
      column,
    }))
  return {
    steps: [...views, ...sweeps],
    edges: [
      ...views.flatMap(({ id, table }) => edges([id], stepsAbout(draft, table, 'table'))),
      ...sweeps.flatMap(({ id, table }) =>
        edges([id], stepsAbout(draft, table, 'table', 'backfill', 'index')),
      ),
    ],
  }
}
