import { edges, inSchemaOf, type Pass, place, stepsAbout } from './pass.ts'

/** The history of a table's changes: last of all that is done to the table, so that what is copied is not taken for a change. */
export const addAudit: Pass = (draft) => {
  const steps = draft.tables.flatMap(({ definition: { name, primaryKey, history }, plan }) =>
    history === undefined
      ? []
      : [{ ...place(plan, 'audit', inSchemaOf(name, history)), table: name, history, key: primaryKey }],
  )
  return {
    steps,
    edges: steps.flatMap(({ id, table }) =>
      edges(
        [id],
        stepsAbout(draft, table, 'table', 'partitions', 'backfill', 'index', 'foreign_key', 'sequence'),
      ),
    ),
  }
}
