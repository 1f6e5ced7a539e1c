import { insideOf, type Mapping, type Plan } from '../plan/plan.ts'
import { groupOf } from './group.ts'

/** What of an entry is versioned, locked and carried as one: the whole key, or each of its fields or members. */
export type Grain = 'key' | 'field' | 'member'

/**
 * The grain of the entries that a mapping reads: their elements where every mapping that reads them makes its records of exactly those,
 * else the key. Whoever writes beside others (the application, a copy, a repair) has to ask this, so that all lock the same.
 */
export function grainOf(plan: Plan, mapping: Mapping): Grain {
  const group = groupOf(plan, mapping)
  const isElementwise = (kind: 'field' | 'member'): boolean =>
    group.every(({ each }) => each?.kind === kind && insideOf(each) === undefined)
  if (isElementwise('field')) return 'field'
  return isElementwise('member') ? 'member' : 'key'
}

/** The part of an entry that is versioned, by the part that a record is. */
export const partOfGrain = (grain: Grain, part: string): string => (grain === 'key' ? '' : part)
