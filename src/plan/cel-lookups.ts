/** The lookups that CEL can ask, as its environment declares them. What is not there is null. */
export const CEL_LOOKUPS = {
  get: 'get(dyn): dyn',
  hget: 'hget(dyn, dyn): dyn',
  score: 'score(dyn, dyn): dyn',
  member: 'member(dyn, dyn): bool',
} as const
