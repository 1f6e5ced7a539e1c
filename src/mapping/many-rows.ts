import type { Mapping, Plan } from '../plan/plan.ts'
import { groupOf } from './group.ts'

/**
 * Is what the application calls one thing several rows: a list, a value with elements inside, an entry that several mappings read? Then
 * `store()` is about entries, and its types are, too.
 */
export const isManyRows = (plan: Plan, mapping: Mapping): boolean =>
  groupOf(plan, mapping).length > 1 || mapping.each?.kind === 'item' || mapping.each?.kind === 'path'
