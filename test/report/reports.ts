import type { Diagnostic } from '../../src/diagnostic.ts'
import type {
  ApplyReport,
  CheckReport,
  DiffReport,
  PhaseReport,
  PlannedStep,
  PlanReport,
  RebuildReport,
  Report,
  StatusReport,
  TestReport,
  TraceReport,
} from '../../src/report/report.ts'

/** One report of each kind, as a small project gives them. */

const base = { project: 'migrations.yaml', target: 'postgres://localhost/app' }

export const diagnostic: Diagnostic = {
  severity: 'error',
  code: 'KV014',
  message: 'There is no transform "lowercas".',
  hint: 'Did you mean "lower"?',
  at: { file: 'plans/messages.yaml', line: 10, column: 50 },
}

const step = (id: string, change: PlannedStep['change'], rest: Partial<PlannedStep> = {}): PlannedStep => ({
  id,
  phase: 'A',
  kind: id.split('/')[2]!,
  change,
  state: 'pending',
  ...rest,
})

export const planReport: PlanReport = {
  ...base,
  kind: 'plan',
  shared: [
    step(
      'project/A/extension/vector',
      { symbol: '+', verb: 'extension', subject: 'vector', detail: '' },
      { state: 'done' },
    ),
  ],
  plans: [
    {
      plan: 'handles',
      file: 'plans/handles.yaml',
      source: 'redis://localhost:6379/0',
      wave: 1,
      neededBy: ['messages'],
      oneWay: [],
      road: [],
      steps: [
        step(
          'handles/A/table/handles',
          { symbol: '+', verb: 'table', subject: 'handles', detail: '2 columns' },
          { state: 'changed' },
        ),
        step(
          'handles/A/backfill/handles',
          { symbol: '>', verb: 'backfill', subject: 'handle:{id} ► handles', detail: '' },
          { state: 'again', because: 'handles/A/table/handles' },
        ),
      ],
    },
    {
      plan: 'messages',
      file: 'plans/messages.yaml',
      source: 'redis://localhost:6379/0',
      wave: 2,
      neededBy: [],
      oneWay: [{ table: 'messages', column: 'from_user', why: 'lower loses the case' }],
      road: [],
      steps: [
        step('messages/A/table/messages', {
          symbol: '+',
          verb: 'table',
          subject: 'messages',
          detail: '4 columns',
        }),
        step('messages/A/backfill/messages', {
          symbol: '>',
          verb: 'backfill',
          subject: 'vibe:messages ► messages',
          detail: 'each field',
        }),
        step('messages/A/foreign_key/messages_from_user_fkey', {
          symbol: '+',
          verb: 'foreign key',
          subject: 'messages.from_user ► handles.handle',
          detail: 'on delete cascade',
        }),
        step('messages/A/gate/B', {
          symbol: '?',
          verb: 'gate',
          subject: 'B',
          detail: 'coverage, row_count, sample 10%',
        }),
      ],
    },
  ],
  removed: [],
  diagnostics: [],
}

export const livePlanReport: PlanReport = {
  ...planReport,
  plans: planReport.plans.slice(1),
  shared: [],
  diagnostics: [{ severity: 'warning', code: 'KV107', message: 'A table refers to itself.' }],
  removed: [{ subject: 'board', loss: 'the table goes, with 3 rows', steps: ['board/A/table/board'] }],
  saved: 'plan.json',
  live: {
    sources: [
      {
        source: 'redis://localhost:6379/0',
        keys: 1204,
        fates: { migrated: 1000, ephemeral: 200, uncovered: 4 },
        coverage: [
          { plan: 'messages', match: 'vibe:messages', fate: 'migrated', keys: 1000 },
          { match: 'ratelimit:{_:rest}', fate: 'ephemeral', keys: 200 },
        ],
        uncovered: [{ pattern: 'cache:{_}', keys: 4, sample: 'cache:home\u001b[2J' }],
        mappings: [
          {
            plan: 'messages',
            mapping: 'messages',
            match: 'vibe:messages',
            keys: 1000,
            expiring: 0,
            records: 12345,
            filtered: 3,
            rejects: [{ code: 'FIELD_MISSING', column: 'created_at', records: 2, sample: 'message:m9' }],
            unmapped: [{ field: 'edited', records: 17, sample: 'message:m2' }],
          },
        ],
      },
    ],
    clocks: [],
    drift: [{ table: 'handles', message: 'column handle is varchar(40), declared text' }],
    extensions: [
      { name: 'pg_cron', state: 'missing', says: 'This server does not have it.' },
      { name: 'vector', state: 'installed', says: 'It is there.' },
    ],
    target: { provider: 'neon', title: 'Neon, pooled host', says: 'LISTEN does not reach through.' },
    forecast: {
      rows: 12343,
      bytes: 1_234_567,
      commands: 14,
      further: 7,
      budget: 200_000,
      seconds: 3,
      storage: {
        now: 7_900_000,
        after: 9_400_000,
        tariff: { title: 'Neon Free', provider: 'neon', storage: 500_000_000, assumed: true },
        growth: 1_200_000,
        full: '2027-12-01',
      },
    },
  },
}

const gates: CheckReport['gates'] = [
  {
    plan: 'handles',
    file: 'plans/handles.yaml',
    opens: 'B',
    status: 'open',
    findings: [
      {
        check: 'row_count',
        code: 'KV301',
        status: 'pass',
        measured: '1,000 in source, 1,000 in target.',
        expected: 'the same number',
        samples: [],
      },
    ],
  },
  {
    plan: 'messages',
    file: 'plans/messages.yaml',
    opens: 'B',
    status: 'closed',
    findings: [
      {
        check: 'row_count',
        code: 'KV301',
        status: 'fail',
        measured: '1,000 in source, 998 in target.',
        expected: 'the same number',
        samples: ['message:m1', 'message:m2\n'],
        hint: 'Look at kvmig diff.',
      },
      {
        check: 'index_use',
        code: 'KV308',
        status: 'unknown',
        measured: 'The table has 3 rows.',
        expected: 'a plan that uses idx_messages_thread',
        samples: [],
      },
    ],
  },
]

export const applyReport: ApplyReport = {
  ...base,
  kind: 'apply',
  command: 'apply',
  phase: 'A',
  outcome: 'closed',
  millis: 12_400,
  steps: [
    {
      id: 'handles/A/table/handles',
      plan: 'handles',
      change: { symbol: '+', verb: 'table', subject: 'handles', detail: '' },
      status: 'kept',
      counts: {},
    },
    {
      id: 'messages/A/table/messages',
      plan: 'messages',
      change: { symbol: '+', verb: 'table', subject: 'messages', detail: '4 columns' },
      status: 'done',
      counts: {},
      note: 'created',
      millis: 31,
    },
    {
      id: 'messages/A/backfill/messages',
      plan: 'messages',
      change: { symbol: '>', verb: 'backfill', subject: 'vibe:messages ► messages', detail: '' },
      status: 'done',
      counts: { rejected: 2, inserted: 998, records: 1000, updated: 0 },
      millis: 11_900,
    },
  ],
  gates,
  tables: [
    { table: 'handles', plans: ['handles'], rows: 1000, counts: { unchanged: 1000 } },
    { table: 'messages', plans: ['messages'], rows: 998, counts: { inserted: 998, rejected: 2 } },
  ],
  accounts: [
    {
      source: 'redis://localhost:6379/0',
      keys: 1205,
      fates: { migrated: 1003, partial: 1, index: 1, ignored: 200 },
    },
  ],
  quarantine: [
    {
      plan: 'messages',
      mapping: 'messages',
      code: 'FIELD_MISSING',
      open: 2,
      accepted: 0,
      sample: 'message:m9',
    },
  ],
  look: [`psql "$DATABASE_URL" -c 'select * from messages limit 5'`],
}

export const failedReport: ApplyReport = {
  ...applyReport,
  outcome: 'failed',
  steps: [
    {
      id: 'messages/A/index/idx',
      plan: 'messages',
      change: { symbol: '+', verb: 'index', subject: 'idx', detail: '' },
      status: 'failed',
      counts: {},
      error: { message: 'messages/A/index/idx stopped: no space left on device', hint: 'Make room.' },
      millis: 200,
    },
    {
      id: 'messages/A/foreign_key/x',
      plan: 'messages',
      change: { symbol: '+', verb: 'foreign key', subject: 'x', detail: '' },
      status: 'skipped',
      counts: {},
      because: ['messages/A/index/idx'],
    },
  ],
  gates: [{ plan: 'messages', file: 'plans/messages.yaml', opens: 'B', status: 'skipped', findings: [] }],
  tables: [],
  accounts: [],
  quarantine: [],
  look: [],
}

export const checkReport: CheckReport = { ...base, kind: 'check', gates }

export const statusReport: StatusReport = {
  ...base,
  kind: 'status',
  installed: true,
  plans: [
    {
      plan: 'handles',
      file: 'plans/handles.yaml',
      phase: 'A',
      epoch: 1,
      since: '2026-01-08T00:00:00Z',
      steps: { total: 5, done: 5, changed: 0 },
      gate: { opens: 'B', status: 'open', at: '2026-01-08T00:01:00Z', findings: [] },
      canAdvance: { to: 'B', yes: true, reasons: [] },
      quarantine: {
        open: 0,
        accepted: 3,
        reasons: [{ code: 'ORPHAN', open: 0, accepted: 3, sample: 'handle:gone' }],
      },
    },
    {
      plan: 'messages',
      file: 'plans/messages.yaml',
      steps: { total: 7, done: 3, changed: 1 },
      canAdvance: {
        to: 'A',
        yes: false,
        reasons: ['messages/A/backfill/messages has changed', '2 records in quarantine'],
      },
      quarantine: {
        open: 2,
        accepted: 0,
        reasons: [{ code: 'FIELD_MISSING', open: 2, accepted: 0, sample: 'message:m9' }],
      },
    },
  ],
  lease: { id: '42', holder: 'ann@ci', since: '10:00', until: '10:05' },
  lastRun: { id: '7', command: 'apply', who: 'ann', startedAt: '2026-01-08T00:00:00Z', outcome: 'closed' },
}

export const diffReport: DiffReport = {
  ...base,
  kind: 'diff',
  millis: 1234,
  plans: [
    {
      plan: 'messages',
      file: 'plans/messages.yaml',
      keys: 1000,
      fates: { migrated: 998 },
      tables: [
        {
          table: 'messages',
          compared: true,
          expected: 1000,
          actual: 999,
          matching: 997,
          missing: { count: 2, samples: ['message:m1', 'message:m2'] },
          different: { count: 1, samples: ['message:m3'] },
          extra: { count: 0, samples: [] },
        },
        {
          table: 'reactions',
          compared: true,
          expected: 5,
          actual: 5,
          matching: 5,
          missing: { count: 0, samples: [] },
          different: { count: 0, samples: [] },
          extra: { count: 0, samples: [] },
        },
      ],
    },
  ],
}

export const testReport: TestReport = {
  ...base,
  kind: 'test',
  examples: [
    {
      plan: 'messages',
      key: 'message:m1',
      at: { file: 'plans/messages.yaml', line: 60, column: 5 },
      status: 'fail',
      rows: [
        {
          table: 'messages',
          status: 'different',
          columns: [
            { column: 'id', expected: 'm1', actual: 'm1', same: true },
            { column: 'from_user', expected: 'ann', actual: '@Ann', same: false },
            { column: 'text', actual: 'hi', same: true },
            { column: 'mood', expected: 'good ', actual: 'good', same: false },
            {
              column: 'doc',
              expected: '{"a": 1}',
              actual: '{"a": 2}',
              same: false,
              inside: [{ path: 'doc.a', expected: '1', actual: '2' }],
            },
          ],
        },
        { table: 'reactions', status: 'missing', columns: [{ column: 'id', expected: 'r1', same: false }] },
      ],
      rejects: {
        expected: [],
        actual: ['FIELD_MISSING'],
        reasons: ['FIELD_MISSING in to_user: The value is missing.'],
      },
      notes: [],
    },
    {
      plan: 'handles',
      key: 'handle:ann',
      at: { file: 'plans/handles.yaml', line: 30, column: 5 },
      status: 'pass',
      rows: [],
      rejects: { expected: [], actual: [], reasons: [] },
      notes: ['No column takes mood.'],
    },
  ],
}

export const traceReport: TraceReport = {
  ...base,
  kind: 'trace',
  source: 'redis://localhost:6379/0',
  key: 'message:m9',
  entry: { type: 'string', bytes: 1234, expiresAt: '2026-02-01T00:00:00Z' },
  fate: 'partial',
  rules: [
    {
      plan: 'messages',
      match: 'vibe:messages',
      at: { file: 'plans/messages.yaml', line: 8, column: 5 },
      claims: false,
      answer: 'another key',
    },
    {
      plan: 'messages',
      match: 'message:{id}',
      at: { file: 'plans/messages.yaml', line: 20, column: 5 },
      claims: true,
      answer: 'claims it',
    },
  ],
  rows: [{ table: 'messages', part: 'index:0', status: 'different', columns: ['text'] }],
  rejects: [
    {
      mapping: 'messages.2',
      part: 'index:1',
      column: 'from_user',
      code: 'FIELD_MISSING',
      message: 'Expected text, found nothing.',
    },
  ],
}

export const rebuildReport: RebuildReport = {
  ...base,
  kind: 'rebuild',
  into: 'redis://localhost:6379/1',
  mappings: [
    {
      plan: 'messages',
      mapping: 'messages',
      match: 'message:{id}',
      rows: 1204,
      keys: 1203,
      kept: 1,
      others: 2,
    },
    { plan: 'handles', mapping: 'handles', match: 'vibe:handles', rows: 1, keys: 1, kept: 0, others: 0 },
  ],
  left: [
    {
      plan: 'messages',
      mapping: 'messages.2',
      match: 'vibe:messages',
      why: ['from_user: lower: the case of letters is forgotten', 'no column keeps the name of the field'],
    },
  ],
  commands: 12,
}

export const phaseReport: PhaseReport = {
  ...base,
  kind: 'phase',
  command: 'apply --phase=C',
  outcome: 'closed',
  acts: [
    { plan: 'messages', status: 'kept', verb: 'route', detail: 'phase B since 2026-01-08T00:00:00Z' },
    { plan: 'messages', status: 'waiting', verb: 'fleet', detail: 'web-3 has not confirmed epoch 4' },
    { plan: 'messages', status: 'failed', verb: 'hook', detail: 'smoke test ended with code 1' },
  ],
  gates: checkReport.gates,
  millis: 1200,
  next: 'Mend what is listed, then run it again.',
}

export const REPORTS: readonly Report[] = [
  planReport,
  livePlanReport,
  applyReport,
  failedReport,
  checkReport,
  statusReport,
  diffReport,
  testReport,
  traceReport,
  rebuildReport,
  phaseReport,
]
