/** What trying the DDL, or looking at the target, can find. A code never changes its meaning and is never used again. */
export const PROOF_CODES = {
  KV200: 'DDL that Postgres refuses',
  KV201: 'DDL that could not be tried here',
  KV202: 'A target that does not let kvmig try DDL',
  KV203: 'More data than the target has room for',
  KV204: 'Clocks that differ where rows expire',
} as const satisfies Readonly<Record<string, string>>
