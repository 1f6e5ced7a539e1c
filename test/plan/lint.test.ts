import { expect, test } from 'vitest'
import { formatDiagnostic } from '../../src/diagnostic.ts'
import { brief, load, loadChanged, PROJECT } from './project.ts'

const MESSAGES = 'plans/messages.yaml'
const HANDLES = 'plans/handles.yaml'
const PROJECT_FILE = 'migrations.yaml'

test.each<[string, string | RegExp, string, string, string, string?]>([
  // keys and values
  [MESSAGES, 'risk: medium', 'rsik: medium', 'KV010 rsik:', 'no key "rsik"', 'Did you mean "risk"?'],
  [MESSAGES, 'risk: medium', 'risk: lo', 'KV013 lo', '"risk" cannot be "lo"', 'Did you mean "low"?'],
  [MESSAGES, 'risk: medium', 'risk:', 'KV012 risk:', 'but it is empty', ''],
  [
    MESSAGES,
    '    into: messages\n    key',
    '    inot: messages\n    key',
    'KV010 inot:',
    'no key "inot"',
    '"into"',
  ],
  [MESSAGES, 'key: [id]', 'key: id', 'KV012 id', 'has to be a list of columns', 'as a list, in [ ]'],
  [MESSAGES, 'match: vibe:messages', 'match: {id}', 'KV012 {id}', 'but it is a map', "in quotes: '{id}'"],
  [MESSAGES, 'each: field', 'each: 5', 'KV012 5', 'but it is a number', 'in quotes'],
  [
    MESSAGES,
    'ignore: drafts live on the device',
    'ignore: drafts, gone',
    'KV010 gone',
    'no key "gone"',
    'a comma begins the next key',
  ],
  [MESSAGES, 'decode: json', 'decode: []', 'KV011 []', 'empty list'],
  [MESSAGES, 'decode: json', 'otherwise: reject\n    decode: json', 'KV011 reject', 'no "where:"'],
  [
    MESSAGES,
    'decode: json',
    'one_way: accept\n    decode: json',
    'KV010 one_way:',
    'no key "one_way"',
    'Gate C asks one_way',
  ],
  [MESSAGES, 'decode: json', 'merge: newest\n    decode: json', 'KV012 newest', 'a map from columns'],
  [
    MESSAGES,
    'decode: json',
    'merge: { text: newest }\n    decode: json',
    'KV013 newest',
    'cannot be',
    'coalesce, greatest, least or sum',
  ],
  [MESSAGES, 'decode: json', 'merge: { text: sum }\n    decode: json', 'KV055 text:', 'have no sum'],
  [
    MESSAGES,
    'decode: json',
    'merge: { reactions: least }\n    decode: json',
    'KV055 reactions:',
    'have no order',
  ],
  [MESSAGES, 'decode: json', 'merge: { id: least }\n    decode: json', 'KV055 id:', 'a part of the key'],
  [
    MESSAGES,
    'decode: json',
    'merge: { txt: coalesce }\n    decode: json',
    'KV043 txt:',
    'no column',
    'Did you mean "text"',
  ],

  [MESSAGES, 'decode: json', 'chunks: x\n    decode: json', 'KV032 x', 'one {i}'],
  [MESSAGES, 'conflict: newest(created_at)', 'conflict: newest', 'KV013 newest', 'newest(column)'],
  [
    MESSAGES,
    'drop: [id], because: it repeats',
    'drop: it repeats',
    'KV013 it repeats',
    '"drop" cannot be "it repeats the name of the field"',
    'Did you mean { drop: [field, …], because: the reason }?',
  ],
  [
    MESSAGES,
    'drop: [id], because: it repeats the name of the field',
    'drop: [id]',
    'KV011 { drop',
    'key "because"',
  ],
  [MESSAGES, 'drop: [id]', 'drop: alls', 'KV013 alls', 'cannot be "alls"', 'Did you mean "all"?'],
  [MESSAGES, 'drop: [id]', "drop: ['*']", "KV030 *'", 'names no field', 'drop: all'],
  [MESSAGES, 'drop: [id]', 'drop: [$parent.id]', 'KV030 $parent', 'the name of a field'],
  [MESSAGES, 'drop: [id]', 'drop: [5]', 'KV012 5', 'has to be a field', 'in quotes'],
  [MESSAGES, 'reject: { limit: 0.1% }', 'ttl: { drop: gone }', 'KV010 ttl', 'no key "ttl"', '[$expires_at]'],
  [MESSAGES, 'within: 24h', 'within: 1 day', 'KV015 1', 'a duration, such as', ''],
  [MESSAGES, 'limit: 0.1%', 'limit: 0.1', 'KV012 0.1', 'a percentage, such as 0.1%'],
  [MESSAGES, 'limit: 0.1%', 'limit: 101%', 'KV015 101', 'a percentage'],
  [
    MESSAGES,
    'coverage, row_count',
    'coverge, row_count',
    'KV013 coverge',
    'cannot be "coverge"',
    '"coverage"',
  ],
  [MESSAGES, 'coverage, row_count', 'soak, row_count', 'KV013 soak', 'cannot be "soak"'],
  [MESSAGES, 'coverage, row_count', 'recency, row_count', 'KV013 recency', 'cannot be "recency"'],
  [
    MESSAGES,
    'column: created_at, within',
    'columns: created_at, within',
    'KV010 columns:',
    'no key "columns"',
    '"column"',
  ],
  [
    MESSAGES,
    '{ when: latency',
    '{ wen: latency',
    'KV011 wen:',
    'the key "when" is missing',
    'Did you mean "when" by "wen"?',
  ],
  [MESSAGES, 'column: created_at, ', '', 'KV011 { within:', 'In "recency" the key "column" is missing'],
  [MESSAGES, 'when: latency', 'when: latancy', 'KV013 latancy', 'cannot be "latancy"', '"latency"'],
  [MESSAGES, 'code: ORPHAN', 'code: ORPHANS', 'KV013 ORPHANS', 'cannot be "ORPHANS"', '"ORPHAN"'],
  [MESSAGES, 'because: somebody left', 'at_most: 0, because: x', 'KV013 0', 'a whole number above 0'],
  [
    MESSAGES,
    '[INVALID_JSON,',
    '[INVALID_JSN,',
    'KV013 INVALID_JSN',
    'cannot be "INVALID_JSN"',
    '"INVALID_JSON"',
  ],
  [MESSAGES, '/w==', 'w==', 'KV015 w', 'has to be base64'],
  [MESSAGES, "'2036-01-01T00:00:00Z'", "'2036-01-01'", "KV015 '2036-01-0", 'a time, such as'],
  [MESSAGES, 'string: \'{"id":"m1"}\'', 'strng: x', 'KV010 strng:', 'no key "strng"', '"string"'],
  [
    MESSAGES,
    'string: \'{"id":"m1"}\'',
    'string: x, list: [y]',
    "KV012 { key: 'me",
    'An entry has one type, not 2',
  ],
  [
    MESSAGES,
    'ignore: drafts live on the device',
    'ignore: a, index: b',
    "KV012 { match: '",
    'one fate, not index and ignore',
  ],
  [PROJECT_FILE, 'commands: 200k', 'commands: 0', 'KV013 0', 'above 0'],
  [PROJECT_FILE, 'commands: 200k', 'commands: 200kk', 'KV015 200kk', 'such as 500 or 200k'],
  [PROJECT_FILE, '  kv: ${KV_URL:-rdb:./kv.rdb}', '  kv: { ulr: x }', 'KV010 ulr:', 'no key "ulr"', '"url"'],
  // names
  [MESSAGES, 'after: [handles]', 'after: [handels]', 'KV061 handels', 'no plan "handels"', '"handles"'],
  [MESSAGES, 'source: kv', 'source: vk', 'KV061 vk', 'no source "vk"', '"kv"'],
  [
    HANDLES,
    'risk: low',
    'after: [messages]',
    'KV062 [messages]',
    '"handles" after "messages" after "handles"',
  ],
  // addresses
  [
    PROJECT_FILE,
    '${KV_URL:-rdb:./kv.rdb}',
    'redis://kv.example:6379',
    'KV071 redis://kv.example:6379',
    'kv.example is not encrypted',
  ],
  [
    PROJECT_FILE,
    'rediss://staging.example',
    'rediss://:hunter2@staging.example',
    "KV070 'rediss://",
    'A password or token',
  ],
  [
    MESSAGES,
    "'s3://vibe-archive/messages'",
    "'https://x.example/?token=hunter2'",
    "KV070 'https://x",
    'A password or token',
  ],
  [PROJECT_FILE, 'plans/*.yaml', '../plans/*.yaml', 'KV017 ../plans/', 'outside of the project'],
  [PROJECT_FILE, 'rdb:./kv.rdb}', 'redsi://localhost}', 'KV064 ${KV_URL', 'no scheme "redsi:"', '"redis:"'],
  [PROJECT_FILE, '-rdb:./kv.rdb}', '-./kv.rdb}', 'KV064 ${KV_URL', 'does not begin with a scheme'],
  [PROJECT_FILE, '${KV_URL:-rdb:./kv.rdb}', '${KV_URL', 'KV016 ${KV_URL', 'cannot be read'],
  [PROJECT_FILE, '${KV_URL:-rdb:./kv.rdb}', 'redis://${9}:1', 'KV016 ${9}', 'cannot be read'],
  [
    PROJECT_FILE,
    '${KV_URL:-rdb:./kv.rdb}',
    '${KV_URL:-redis://10.0.0.1}',
    'KV071 ${KV_URL',
    '10.0.0.1 is not encrypted',
  ],
  [
    PROJECT_FILE,
    '-pglite:./.kvmig/pg}',
    '-postgres://app:hunter2@db.example/app}',
    'KV070 ${DATABASE_URL',
    'A password or token',
  ],
  // tables
  [
    MESSAGES,
    'columns: [to_user], unique',
    'columns: [too_user], unique',
    'KV043 too_user',
    'no column "too_user"',
    '"to_user"',
  ],
  [
    MESSAGES,
    'created_at DESC ]',
    'createdat DESC ]',
    'KV043 createdat',
    'no column "createdat"',
    '"created_at"',
  ],
  [MESSAGES, 'columns: [from_user], to', 'columns: [frm_user], to', 'KV043 frm_user', 'no column "frm_user"'],
  [MESSAGES, 'to: handles(handle)', 'to: handels(handle)', 'KV042 handels', 'no table handels', '"handles"'],
  [MESSAGES, 'to: handles(handle)', 'to: handles(handel)', 'KV043 handles', 'no column "handel"', '"handle"'],
  [
    MESSAGES,
    'to: handles(handle)',
    'to: handles(registered_at)',
    'KV052 handles',
    'Nothing makes (registered_at)',
  ],
  [
    MESSAGES,
    'to: handles(handle)',
    "to: 'handles(handle, registered_at)'",
    "KV052 'handles(h",
    '1 columns refer to 2',
  ],
  [
    MESSAGES,
    '{ columns: [from_user], to',
    '{ columns: [created_at], to',
    'KV052 created_at]',
    '"created_at" is timestamptz, and "handle" of handles is text',
    'Make both the same type',
  ],
  [MESSAGES, 'text: text not null', 'text: text nut null', 'KV040 nut', '"nut" is not understood'],
  [
    MESSAGES,
    "reactions: jsonb not null default '[]'",
    'reactions: jsonb primary key',
    'KV040 primary',
    'does not belong',
    'primary_key: [column]',
  ],
  [
    PROJECT_FILE,
    'plans: p',
    'target_schema: pg_catalog\nplans: p',
    'KV048 pg_catalog',
    'belongs to Postgres',
  ],
  [
    MESSAGES,
    'into: messages\n    key',
    'into: { schema: kvmig, table: lease }\n    key',
    'KV048 kvmig',
    'belongs to kvmig',
  ],
  [
    MESSAGES,
    'uses: idx_messages_thread',
    'uses: idx_message_thread',
    'KV051 idx_message_thread',
    'no index',
    '"idx_messages_thread"',
  ],
  [MESSAGES, 'args: [alice, bob]', 'args: [alice]', 'KV032 thread:', 'asks for 2 arguments and is given 1'],
  // mappings
  [
    MESSAGES,
    'into: messages\n    key',
    'into: mesages\n    key',
    'KV042 mesages',
    'no table mesages',
    '"messages"',
  ],
  [
    MESSAGES,
    'into: messages\n    key',
    'into: leftovers\n    key',
    'KV042 leftovers',
    'no table',
    'kvmig.leftovers',
  ],
  [
    MESSAGES,
    'key: [id]',
    'key: [from_user]',
    'KV044 [from_user',
    'Nothing makes [from_user]',
    'Unique are [id]',
  ],
  [MESSAGES, 'key: [id]', 'key: [ix]', 'KV043 ix', 'no column "ix"'],
  [HANDLES, '    key: [userName]\n', '', 'KV044 fields:', 'No field fills "id"'],
  [MESSAGES, 'newest(created_at)', 'newest(updated_at)', 'KV043 newest', 'no column "updated_at"'],
  [MESSAGES, '{ id: $id, ', '{ ', 'KV044 fields:', 'No field fills "id"'],
  [MESSAGES, ', text: text, created', ', created', 'KV045 fields:', 'Nothing fills "text" of messages'],
  [
    HANDLES,
    'registered_at: timestamptz not null\n',
    'registered_at: timestamptz not null\n      seen: timestamptz default now()\n',
    'KV073 fields:',
    'Nothing fills "seen" of handles, so its default (now) would invent a value',
    'null, or a constant',
  ],
  [
    HANDLES,
    'registered_at: timestamptz not null\n',
    'registered_at: timestamptz not null\n      token: uuid not null default gen_random_uuid()\n',
    'KV073 fields:',
    'its default (gen_random_uuid)',
    'from the data, or a constant',
  ],
  [
    MESSAGES,
    'text:       text\n',
    'text:       null\n',
    'KV045 null',
    'cannot be NULL, and this is always null',
  ],
  // records
  [MESSAGES, 'each: field', 'each: item', 'KV013 item', '"each: item" reads a list, and this is a hash'],
  [
    MESSAGES,
    'type: string\n    decode: json\n    where',
    'type: hash\n    decode: json\n    where',
    'KV037 json',
    'takes no "decode:"',
  ],
  [MESSAGES, 'decode: json\n    into', 'decode: jso\n    into', 'KV035 jso', 'no decoder "jso"', '"json"'],
  [MESSAGES, 'decode: json\n    into', 'decode: unwrap\n    into', 'KV032 unwrap', 'takes 1, not 0'],
  [
    MESSAGES,
    'decode: json\n    into',
    'decode: [utf8, gzip, json]\n    into',
    'KV037 gzip',
    'gzip decodes bytes',
  ],
  // expressions
  [
    MESSAGES,
    'text:       text\n',
    'text:       text | lowr\n',
    'KV014 lowr',
    'no transform "lowr"',
    '"lower"',
  ],
  [MESSAGES, 'text:       text\n', 'text:       "text | lowr"\n', 'KV014 lowr', 'no transform "lowr"'],
  [MESSAGES, 'text:       text\n', 'text:       5\n', 'KV034 5', 'type text cannot take a number', '| text'],
  [
    MESSAGES,
    'text:       text\n',
    'text:       $index | text\n',
    'KV031 $index',
    'no $index here',
    'each: item',
  ],
  [
    MESSAGES,
    'text:       text\n',
    "text:       text | strip_prefix(' #')\n",
    "KV030 ' #')",
    'not closed',
    'as a comment',
  ],
  [
    MESSAGES,
    'created_at | epoch_ms\n    unmapped',
    'created_at\n    unmapped',
    'KV034 created_at',
    'timestamptz cannot take data',
    '| iso',
  ],
  [
    MESSAGES,
    'created_at | epoch_ms\n    unmapped',
    "const('now') | iso\n    unmapped",
    'KV073 const',
    '"now" would be another time',
  ],
  [
    MESSAGES,
    'created_at | epoch_ms\n    unmapped',
    'created_at | epoch_ms | default(now)\n    unmapped',
    'KV073 now',
    'time or chance',
  ],
  // conditions
  [MESSAGES, 'where: has(r.from) && has(r.to)', 'where: has(r.from) &&', 'KV036', 'no CEL'],
  [
    MESSAGES,
    'where: has(r.from) && has(r.to)',
    'where: has(r.from) && from == 1',
    'KV036 from',
    'no from here',
    'r.from',
  ],
  [MESSAGES, 'where: has(r.from) && has(r.to)', "where: field == 'x'", 'KV036 field', 'no field here'],
  [MESSAGES, 'where: has(r.from) && has(r.to)', 'where: size(r)', 'KV036 size', 'of type int'],
  [MESSAGES, 'where: has(r.from) && has(r.to)', 'where: r.at < now()', 'KV036 now', 'now()', 'clock'],
  // rules
  // gates and examples
  [
    MESSAGES,
    'orphans, index',
    'orphans, quarantine: { limit: 5 }, index',
    'KV072 quarantine:',
    'needs a reason',
  ],
  [
    MESSAGES,
    'column: created_at, within',
    'column: create_at, within',
    'KV043 create_at',
    'has a column "create_at"',
    '"created_at"',
  ],
  [
    MESSAGES,
    'rows: { messages: [{ id',
    'rows: { mesages: [{ id',
    'KV042 mesages:',
    'fills a table "mesages"',
  ],
  [MESSAGES, 'rows: { messages: [{ id', 'rows: { messages: [{ ix', 'KV043 ix:', 'no column "ix"'],
])('%s: %s → %s', async (file, find, by, expected, words, hint) => {
  const { project, diagnostics } = await loadChanged(file, find, by)
  expect(project).toBeUndefined()
  expect(diagnostics.map(formatDiagnostic)).toHaveLength(1)
  const { code, at, message, hint: said } = diagnostics[0]!
  const line = PROJECT[file]!.replace(find, () => by).split('\n')[at!.line - 1]!
  expect([at!.file, `${code} ${line.slice(at!.column - 1)}`]).toEqual([
    file,
    expect.stringMatching(startsWith(expected)),
  ])
  expect(message).toContain(words)
  if (hint === '') expect(said).toBeUndefined()
  else if (hint !== undefined) expect(said).toContain(hint)
})

test('tells both sides of what two places say', async () => {
  const both = async (file: string, find: string, by: string) =>
    brief((await loadChanged(file, find, by)).diagnostics)
  expect(await both(HANDLES, 'plan: handles', 'plan: messages')).toEqual([
    'messages.yaml:2:7 KV060',
    'messages.yaml:4:9 KV061',
  ])
  expect(await both(MESSAGES, 'primary_key: [id]', 'primary_key: [ix]')).toEqual([
    'messages.yaml:12:10 KV044',
    'messages.yaml:40:19 KV043',
  ])
  expect(await both(MESSAGES, 'text:       text\n', 'txt:        text\n')).toEqual([
    'messages.yaml:14:5 KV045',
    'messages.yaml:18:7 KV043',
  ])
})

test('never repeats a secret', async () => {
  const { diagnostics } = await loadChanged(
    PROJECT_FILE,
    '-pglite:./.kvmig/pg}',
    '-postgers://app:hunter2@db.example/app}',
  )
  expect(brief(diagnostics)).toEqual(['migrations.yaml:4:9 KV064', 'migrations.yaml:4:9 KV070'])
  expect(JSON.stringify(diagnostics)).not.toContain('hunter2')
})

test.each([
  [
    MESSAGES,
    'with a reason, a mandatory check may be weakened',
    'orphans, index',
    'orphans, { quarantine: { limit: 5 }, because: known }, index',
  ],
  [MESSAGES, 'numbers, true, false and null are expressions', 'reactions | default([])', 'true'],
  [
    MESSAGES,
    'a comment may follow an expression',
    'text:       text\n',
    'text:       text | lower   # case does not matter\n',
  ],
  [MESSAGES, 'a check may look at any column of the plan', 'column: created_at', 'column: text'],
  [PROJECT_FILE, 'clear text to this machine', '${KV_URL:-rdb:./kv.rdb}', 'redis://127.0.0.1:6379/3'],
  [PROJECT_FILE, 'clear text to this machine, by name', '${KV_URL:-rdb:./kv.rdb}', 'redis://user@localhost'],
  [
    PROJECT_FILE,
    'an address that is all environment',
    '${KV_URL:-rdb:./kv.rdb}',
    'redis://:${PASSWORD}@${HOST}',
  ],
  [
    PROJECT_FILE,
    'a password from the environment',
    'rediss://staging.example',
    'rediss://:${PASSWORD}@staging.example',
  ],
])('%s: %s', async (file, _, find, by) => {
  expect((await loadChanged(file, find, by)).diagnostics).toEqual([])
})

test.each([
  [
    PROJECT_FILE,
    '${KV_URL:-rdb:./kv.rdb}',
    '{ url: redis://10.0.0.1, insecure: a private network }',
    'migrations.yaml:3:14 KV071',
  ],
  [
    MESSAGES,
    'created_at: timestamptz not null',
    'created_at: timestamp not null',
    'messages.yaml:39:19 KV050',
  ],
  [MESSAGES, "'message:draft:{_:rest}'", "'draft:*'", 'messages.yaml:29:21 KV020'],
  [
    PROJECT_FILE,
    'ignore:\n',
    "ignore:\n  - { match: 'rate{_:rest}', because: x }\n",
    'migrations.yaml:10:5 KV024',
  ],
])('warns: %s: %s → %s', async (file, find, by, expected) => {
  const { project, diagnostics } = await loadChanged(file, find, by)
  expect(project).toBeDefined()
  expect(brief(diagnostics)).toEqual([expected])
  expect(diagnostics[0]!.severity).toBe('warning')
})

/** Rules of one plan, and the lines (from 1) of those that no key can reach. */
test.each<[string, readonly string[], readonly number[]]>([
  ['a wider rule first', ['user:{_:rest} index', 'user:{id} string'], [2]],
  ['a narrower rule first', ['user:{id:int} string', 'user:{id} string'], []],
  ['the same keys of another type', ['user:{id} string', 'user:{id} hash'], []],
  ['any type first', ['user:{_} index', 'user:{id} hash'], [2]],
  ['one type first, then any', ['user:{id} hash', 'user:{_} index'], []],
  ['a condition that may pass the key on', ['user:{id} string where', 'user:{_} index'], []],
  ['a condition on records of a claimed key', ['user:{id} hash each where', 'user:{_} hash index'], [2]],
  [
    'a group of which one claims always',
    ['user:{id} string where', 'user:{id} string', 'user:{_} index'],
    [3].slice(1),
  ],
  [
    'a group in two places',
    ['user:{id} string where', 'x index', 'user:{id} string', 'user:{_} string index'],
    [4],
  ],
  ['another template for the same keys', ['user:{id} string', 'user:{name_} string'], [2]],
  ['the same mapping twice', ['user:{id} string', 'user:{id} string'], [2]],
  ['the same records, by condition', ['user:{id} string where', 'user:{id} string'], []],
])('finds rules that no key can reach: %s', async (_, rules, expected) => {
  const { diagnostics } = await load({ [MESSAGES]: undefined, [HANDLES]: planOf('users', rules) })
  const lines = diagnostics.filter((it) => it.code === 'KV024').map((it) => it.at!.line)
  expect(lines).toEqual(expected.map((it) => it + 3))
  expect(diagnostics).toHaveLength(expected.length)
})

/** Rules of two plans: may they stand side by side? */
test.each<[string, string, 'fine' | 'warning' | 'error']>([
  ['user:{id} string', 'user:{name_} string', 'error'],
  ['user:{id} string', 'user:{name_} hash', 'fine'],
  ['user:{id} string', 'user:{_} index', 'error'],
  ['user:{id:int} string', 'user:{id:uuid} string', 'fine'],
  ['user:{id} string', 'account:{id} string', 'fine'],
  ['user:{id} string where', 'user:{id} string where', 'warning'],
  ['user:{id} string where', 'user:{id} string', 'error'],
  ['user:{id} hash each where', 'user:{id} hash where', 'error'],
  ['user:{id:/(?i)a/} string', 'user:{id} string', 'warning'],
])('%s and %s in two plans: %s', async (a, b, expected) => {
  const { diagnostics } = await load({ [HANDLES]: planOf('a', [a]), [MESSAGES]: planOf('b', [b]) })
  expect(diagnostics.map((it) => [it.code, it.severity])).toEqual(
    expected === 'fine' ? [] : [['KV023', expected]],
  )
})

test('names a key that two plans claim, and where the other one does', async () => {
  const { diagnostics } = await load({
    [HANDLES]: planOf('a', ['user:{id:int} string']),
    [MESSAGES]: planOf('b', ['user:{id} string']),
  })
  expect(diagnostics[0]!.message).toBe(
    'The plan "a" (plans/handles.yaml:4) claims the same keys, such as "user:0".',
  )
})

/** A plan with one rule a line: `pattern [type] [each] [where]`, or `pattern [type] index`. */
function planOf(name: string, rules: readonly string[]): string {
  const lines = rules.map((rule) => {
    const [match, ...words] = rule.split(' ')
    const type = words.find((it) => it === 'string' || it === 'hash')
    const start = `  - { match: '${match}'${type ? `, type: ${type}` : ''}`
    if (words.includes('index')) return `${start}, index: mirrors }`
    const each = words.includes('each') ? ', each: field' : ''
    const where = words.includes('where') ? ", where: 'true'" : ''
    return `${start}${each}${where}, into: users, key: [userName], fields: { userName: $key } }`
  })
  return `version: 1\nplan: ${name}\nmappings:\n${lines.join('\n')}\n`
}

test.each([
  ['each: field, decode: json', 'text: $field, mood: $value.x', []],
  ['each: item, type: list', 'text: $item, n: $index', []],
  ['each: member, type: zset', 'text: $member, n: $score', []],
  ['each: member, type: set', 'text: $member, n: $score', ['KV031']],
  ['each: message', 'text: $message, mood: mood', []],
  ['each: tags, type: string, decode: json', 'text: $item, n: $index, mood: $name', []],
  ["each: '*', type: string, decode: json", 'text: name, mood: $parent.x', []],
  ['each: "tags | split(\',\')", type: hash', 'text: $item', []],
  ['each: "tags | splt(\',\')", type: hash', 'text: $item', ['KV014']],
  ['each: "tags.* | split(\',\')", type: hash', 'text: $item', ['KV038']],
  ['each: "tags.* | lower", decode: json', 'text: $item', ['KV038']],
  ['each: "tags.* | split(\',\')", decode: json', 'text: $item', []],
  ['each: tags', 'text: $item', ['KV038']],
  ["each: '*'", 'text: $item', []],
  ['each: tags, type: hash', 'text: $item', ['KV038']],
  ["each: '*', type: hash", 'text: $item, mood: $name', []],
  ['each: tags, type: string', 'text: $item', ['KV037']],
  ['each: tags, type: list', 'text: $item', ['KV013']],
  ['each: a..b, decode: json', 'text: x', ['KV030']],
  ['type: hash', 'text: a, mood: a.b', ['KV038']],
  ['type: hash, decode: json', 'text: a', ['KV037']],
  ['type: list', 'text: a', ['KV038']],
  ['type: string', 'text: a', ['KV038']],
  ['type: string', 'text: $value', []],
  ['decode: json', 'text: a, n: b', []],
  ['text: reject', 'text: a, mood: a.b', ['KV038']],
  ['text: reject', 'n: $value', ['KV034']],
  ['text: reject', 'text: $value', []],
  ['type: list, decode: json', 'text: $key', []],
  ['type: stream, decode: json', 'text: $key', ['KV037']],
  ['each: message, decode: json', 'text: x', ['KV037']],
  ['type: string', 'n: $value', ['KV034']],
  ['type: string', 'n: $value | int', []],
  ['type: string', 'text: $a, n: $b, day: $c', []],
  ['type: string', 'text: $b', ['KV034']],
  ['type: string', 'day: $a', ['KV034']],
  ['type: string', 'text: $d', ['KV031']],
  ['type: string, decode: [base64, gzip, json]', 'text: x', []],
  ['type: string, decode: [unwrap(value), json until object]', 'text: x', []],
  ['type: string, decode: bytes', 'raw: $value', []],
  ['type: string, decode: bytes', 'text: $value', ['KV034']],
  ['decode: json', 'text: x, raw: rest(), mood: rest()', ['KV034', 'KV032', 'KV034']],
])('knows what { %s } gives to { %s }', async (options, fields, expected) => {
  const { diagnostics } = await load({
    [HANDLES]: undefined,
    [MESSAGES]: `version: 1
plan: t
mappings:
  - { match: 'k:{a}:{b:int}:{c:date}', into: t, ${options}, fields: { key: $key, ${fields} } }
tables:
  t:
    columns: { key: text, text: text, mood: mood, n: integer, day: date, raw: bytea }
    primary_key: [key]
`,
  })
  expect(
    diagnostics.map((it) => it.code),
    JSON.stringify(diagnostics),
  ).toEqual(expected)
})

const startsWith = (text: string) => new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`)
