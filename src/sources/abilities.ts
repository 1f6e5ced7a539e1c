import type { Source } from './source.ts'

/** What a source can do beside what every source can: for one that stands in front of another and changes nothing of that. */
export const abilitiesOf = (source: Source): Partial<Source> => ({
  ...(source.ask ? { ask: (questions) => source.ask!(questions) } : {}),
  ...(source.vectors ? { vectors: source.vectors } : {}),
  ...(source.count ? { count: () => source.count!() } : {}),
  ...(source.reached ? { reached: (cursor) => source.reached!(cursor) } : {}),
  ...(source.edit ? { edit: () => source.edit!() } : {}),
  ...(source.goesOn ? { goesOn: source.goesOn } : {}),
  ...(source.warnings ? { warnings: source.warnings } : {}),
})
