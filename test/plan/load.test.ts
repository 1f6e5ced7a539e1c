import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatDiagnostic } from '../../src/diagnostic.ts'
import { PLAN_CODES } from '../../src/plan/codes.ts'
import { loadProject } from '../../src/plan/load.ts'
import { mappingsOf } from '../../src/plan/plan.ts'
import { catalog } from './catalog.ts'
import { brief, load, loadChanged, memoryFiles, PROJECT } from './project.ts'

const MESSAGES = 'plans/messages.yaml'
const HANDLES = 'plans/handles.yaml'
const PROJECT_FILE = 'migrations.yaml'

test('loads a valid project without a word', async () => {
  const { project, diagnostics } = await load()
  expect(diagnostics).toEqual([])
  expect(project!.plans.map((it) => it.name)).toEqual(['handles', 'messages'])
  expect(project).toMatchObject({
    version: 1,
    root: '/project',
    file: 'migrations.yaml',
    targetSchema: 'public',
    budget: { commands: 200_000, perSecond: 500 },
    schema: { file: 'schema.sql', sql: PROJECT['schema.sql'] },
  })
  expect(project!.target.url).toBe('${DATABASE_URL:-pglite:./.kvmig/pg}')
  expect(project!.environments.get('staging')!.sources.get('kv')!.url).toBe('rediss://staging.example')
  expect(project!.skips.map((it) => [it.fate, it.match.source, it.type])).toEqual([
    ['ignored', 'ratelimit:{_:rest}', undefined],
    ['index', 'inbox:{_:rest}', 'list'],
    ['ephemeral', 'session:{_}', undefined],
  ])
})

test('makes a plan of what the file says', async () => {
  const { project } = await load()
  const plan = project!.plans[1]!
  expect(plan).toMatchObject({
    name: 'messages',
    file: MESSAGES,
    risk: 'medium',
    after: ['handles'],
    source: 'kv',
    accept: [{ code: 'ORPHAN', because: 'somebody left' }],
    later: { writes: { failure: 'available' } },
    archive: { to: 's3://vibe-archive/messages', keepMillis: 30 * 86_400_000 },
    queries: [{ name: 'thread', args: ['alice', 'bob'], uses: 'idx_messages_thread' }],
  })
  expect(plan.rules).toMatchObject([
    {
      kind: 'mapping',
      name: 'messages',
      type: 'hash',
      each: { kind: 'field' },
      decode: [{ name: 'json', arguments: [] }],
      into: { schema: 'public', table: 'messages' },
      key: ['id'],
      conflict: { policy: 'newest', column: 'created_at' },
      unmapped: { fields: [['id']], expiry: false, because: 'it repeats the name of the field' },
      rejectLimit: 0.001,
      text: 'reject',
      existing: 'keep',
    },
    {
      kind: 'mapping',
      name: 'messages.2',
      key: ['id'],
      conflict: { policy: 'error' },
      where: { cel: 'has(r.from) && has(r.to)' },
    },
    { kind: 'skip', fate: 'ignored', because: 'drafts live on the device' },
  ])
  expect(plan.tables[0]).toMatchObject({
    owner: 'plan',
    primaryKey: ['id'],
    indexes: [
      {
        name: 'idx_messages_thread',
        columns: ['LEAST(from_user, to_user)', 'GREATEST(from_user, to_user)', 'created_at DESC'],
        unique: false,
      },
      { name: 'idx_messages_to', columns: ['to_user'], where: "text <> ''" },
    ],
    references: [
      { columns: ['from_user'], toColumns: ['handle'], onDelete: 'cascade', deferrable: true },
      {
        columns: ['to_user'],
        to: { schema: 'public', table: 'handles' },
        toColumns: ['handle'],
        onDelete: 'no action',
        deferrable: false,
      },
    ],
  })
  expect(plan.tables[0]!.columns[0]).toMatchObject({ name: 'id', notNull: true, sql: 'text' })
  expect(plan.gates.get('B')!.map((it) => it.check)).toEqual([
    'coverage',
    'row_count',
    'full',
    'recency',
    'orphans',
    'index_use',
  ])
  expect(plan.gates.get('C')![0]).toMatchObject({ check: 'soak', options: { value: '14d' } })
  expect(plan.triggers.get('C')).toMatchObject([
    { check: 'latency', options: { p95: '500ms' }, do: 'rollback', forMillis: 600_000 },
  ])
})

test('reads examples as a source would give them', async () => {
  const { project } = await load()
  expect(project!.plans[1]!.examples).toMatchObject([
    {
      entry: {
        key: Buffer.from('message:m1'),
        value: { type: 'string', bytes: Buffer.from('{"id":"m1"}') },
        expiresAt: Date.UTC(2036, 0, 1),
      },
      rows: new Map([
        [
          'messages',
          [
            new Map([
              ['id', 'm1'],
              ['from_user', 'ann'],
              ['text', '007'],
            ]),
          ],
        ],
      ]),
    },
    {
      entry: {
        value: {
          type: 'hash',
          pairs: [Buffer.from('m2'), Buffer.from([0]), Buffer.from('m3'), Buffer.from([255])],
        },
      },
      rejects: [{ code: 'INVALID_JSON' }, { code: 'FIELD_MISSING', column: 'created_at' }],
    },
  ])
})

test.each([
  ['list: [a, { base64: /w== }]', { type: 'list', items: [Buffer.from('a'), Buffer.from([255])] }],
  ['set: [a]', { type: 'set', members: [Buffer.from('a')] }],
  [
    'zset: { a: 1, b: -0.5 }',
    { type: 'zset', members: [Buffer.from('a'), Buffer.from('b')], scores: [1, -0.5] },
  ],
  [
    'stream: [{ id: 5-0, f: x }]',
    { type: 'stream', messages: [{ id: '5-0', pairs: [Buffer.from('f'), Buffer.from('x')] }] },
  ],
])('reads the example %s', async (written, value) => {
  const { project, diagnostics } = await loadChanged(MESSAGES, `string: '{"id":"m1"}'`, written)
  expect(diagnostics).toEqual([])
  expect(project!.plans[1]!.examples[0]!.entry.value).toEqual(value)
})

test('gives tables of the application to the plans that fill them', async () => {
  const { project } = await load()
  const users = project!.plans[0]!.tables.find((it) => it.name.table === 'users')
  expect(users).toMatchObject({ owner: 'schema', primaryKey: ['id'], unique: [['userName']] })
  expect(users!.columns.find((it) => it.name === 'mood')!.type).toMatchObject({
    base: 'enum',
    labels: ['glad', 'sad'],
  })
  expect(project!.plans[1]!.tables.map((it) => it.name.table)).toEqual(['messages'])
})

test('takes the only source, and plans/*.yaml, where nothing is said', async () => {
  const { project } = await loadChanged(PROJECT_FILE, 'plans: plans/*.yaml\n', '')
  expect(project!.plans.map((it) => it.source)).toEqual(['kv', 'kv'])
})

test('puts tables into the schema that the project names', async () => {
  const { project } = await load({
    [PROJECT_FILE]: PROJECT[PROJECT_FILE]!.replace('plans: p', 'target_schema: app\nplans: p'),
    [HANDLES]: PROJECT[HANDLES]!.replace(
      'type: hash\n    into: users',
      'type: hash\n    into: { schema: app, table: users }',
    ),
  })
  const mapping = mappingsOf(project!.plans[0]!)[1]!
  expect(mapping.into).toEqual({ schema: 'app', table: 'users' })
  expect(project!.plans[0]!.tables.map((it) => it.name.schema)).toEqual(['app', 'app'])
})

test('tells positions by the file as the user named it', async () => {
  const files = memoryFiles({ ...PROJECT, [MESSAGES]: 'version: 1\nplan: x\n' })
  const { diagnostics } = await loadProject({ file: 'apps/vibe/migrations.yaml', root: '/r', files, catalog })
  expect(formatDiagnostic(diagnostics[0]!)).toBe(
    'apps/vibe/plans/messages.yaml:1:1  KV011  The key "mappings" is missing. It has to be a list of rules.',
  )
})

test('tells the mistakes of all files at once, in order', async () => {
  const { project, diagnostics } = await load({
    [PROJECT_FILE]: PROJECT[PROJECT_FILE]!.replace('budget:', 'buget:'),
    'schema.sql': 'CREATE TABLE users (id bigint,,);',
    [HANDLES]: PROJECT[HANDLES]!.replace('handle: $field', 'handle: $feld').replace('| iso', '| isso'),
    [MESSAGES]: PROJECT[MESSAGES]!.replace('risk: medium', 'risk: huge').replace(
      'text:       text\n',
      'text:       text |\n',
    ),
    'plans/zebra.yaml': 'a: *b\n',
  })
  expect(project).toBeUndefined()
  expect(brief(diagnostics)).toEqual([
    'migrations.yaml:7:1 KV010',
    'handles.yaml:11:15 KV031',
    'handles.yaml:12:37 KV014',
    'messages.yaml:3:7 KV013',
    'messages.yaml:18:25 KV030',
    'zebra.yaml:1:4 KV003',
    'schema.sql:1:31 KV047',
  ])
})

test.each([
  ['there is no project file', { [PROJECT_FILE]: undefined }, 'migrations.yaml:1:1 KV018'],
  ['there are no plans', { [HANDLES]: undefined, [MESSAGES]: undefined }, 'migrations.yaml:5:8 KV063'],
  [
    'the schema file is not UTF-8',
    { 'schema.sql': Buffer.from('-- \xe9', 'latin1') },
    'migrations.yaml:6:9 KV007',
  ],
  ['the schema file holds a NUL', { 'schema.sql': '-- \0' }, 'schema.sql:1:1 KV047'],
  ['there is no schema file', { 'schema.sql': undefined }, 'migrations.yaml:6:9 KV018'],
])('says so when %s', async (_, changes, expected) => {
  const { project, diagnostics } = await load(changes)
  expect(project).toBeUndefined()
  expect(brief(diagnostics)).toEqual([expected])
})

test('answers any damage to a file with a project or with mistakes that have a place', async () => {
  const names = [PROJECT_FILE, HANDLES, MESSAGES, 'schema.sql']
  const damage = fc.record({
    file: fc.constantFrom(...names),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.integer({ min: 0, max: 12 }),
    insert: fc.constantFrom(
      '',
      ' ',
      ':',
      '-',
      '{',
      '}',
      '[',
      "'",
      '"',
      '|',
      '#',
      '$',
      '5',
      'x',
      '\n',
      ': ',
      '()',
      '{id}',
      'null',
      ',',
      '*',
    ),
  })
  await fc.assert(
    fc.asyncProperty(damage, async ({ file, at, remove, insert }) => {
      const text = PROJECT[file]!
      const start = Math.floor(at * text.length)
      const { project, diagnostics } = await load({
        [file]: text.slice(0, start) + insert + text.slice(start + remove),
      })
      if (!project) expect(diagnostics.some((it) => it.severity === 'error')).toBe(true)
      for (const { at, code } of diagnostics) {
        expect(PLAN_CODES).toHaveProperty(code)
        expect(names).toContain(at!.file)
        expect(at!.line).toBeGreaterThan(0)
        expect(at!.column).toBeGreaterThan(0)
      }
    }),
    { numRuns: 400 },
  )
})
