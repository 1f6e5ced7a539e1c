// What is to be reached: ratios on the same machine in the same run, and a few figures that stand for themselves.

/** Ratios of two lanes' wall times; `most` and `least` are goals, by shape where they differ. Without a goal they are there to be looked at. */
export const RATIOS = [
  { of: 'backfill', to: 'copy', most: { json: 0.8, hash: 0.7, fields: 1.1, small: 1.3 } },
  { of: 'script', to: 'backfill', least: 4 },
  { of: 'script 4', to: 'backfill', least: 2.2 },
  { of: 'per key', to: 'backfill' },
  { of: 'redis_fdw', to: 'backfill' },
  { of: 'rdb', to: 'backfill', most: 1.0 },
  { of: 'ndjson', to: 'backfill' },
  { of: 'pooled', to: 'backfill' },
  { of: 'pglite', to: 'backfill' },
  { of: 'diff', to: 'backfill', most: 0.5 },
  { of: 'again', to: 'backfill', most: 0.5 },
  { of: 'catch up', to: 'backfill', most: 0.6 },
  { of: 'catch up told', to: 'sqlite', most: 0.3 },
  { of: 'sqlite', to: 'backfill' },
  { of: 'repair', to: 'backfill' },
  { of: 'reconcile', to: 'backfill' },
  { of: 'apply', to: 'backfill' },
  { of: 'drain', to: 'copy' },
  { of: 'copy sorted', to: 'copy' },
]

/** Megabytes of the process of kvmig, at its peak. */
export const MEMORY = {
  lanes: [
    'apply',
    'again',
    'catch up',
    'catch up told',
    'sqlite',
    'diff',
    'rdb',
    'ndjson',
    'pooled',
    'repair',
    'reconcile',
  ],
  most: 250,
}

/** Seconds of CPU. */
export const COMMANDS = { 'start-up': 0.15, 'plan of 100 plans': 1 }

/** Exponent of cost as keys grow. */
export const EXPONENT = 1.05

/** Extra p99 of somebody else's reads while a backfill runs at its rate limit. */
export const NEIGHBOUR = { lane: '--rate 100', most: 0.2 }

/** Dual-write: milliseconds at p95 beyond a bare upsert ("a few"); reads that are compared beside those that are not. */
export const DUAL_WRITE = { extraMillis: 5, shadow: 1.1 }

export const GOAL_LANES = [
  ...new Set(RATIOS.filter((it) => it.most || it.least).flatMap((it) => [it.of, it.to])),
  'commands',
  'dual-write',
  'neighbour',
]

export const goalOf = (goal, shape) => (typeof goal === 'object' ? goal[shape] : goal)
