/** Where the lines of an example stand: in `fields:`, in the mapping, in `mappings:`, in `columns:`, the table or `tables:`, in the plan, in the project; a whole plan, or the file that `schema:` names. */
export type Place =
  | 'fields'
  | 'mapping'
  | 'mappings'
  | 'columns'
  | 'table'
  | 'tables'
  | 'plan'
  | 'file'
  | 'project'
  | 'schema'

/** What gives the code, and what is meant. Both are run by the tests. */
export interface PlanExample {
  readonly place: Place
  readonly wrong: string
  readonly right: string
}

const inPlace =
  (place: Place) =>
  (wrong: string, right: string): PlanExample => ({ place, wrong, right })

const fields = inPlace('fields')
const mapping = inPlace('mapping')
const mappings = inPlace('mappings')
const columns = inPlace('columns')
const table = inPlace('table')
const plan = inPlace('plan')
const file = inPlace('file')
const tables = inPlace('tables')
const project = inPlace('project')
const schema = inPlace('schema')

/** A wrong and a right example for each code that a plan's text can show. */
export const PLAN_EXAMPLES: Readonly<Partial<Record<string, PlanExample>>> = {
  KV001: fields("name: name | replace(': ', '-')", "name: \"name | replace(': ', '-')\""),
  KV002: fields('name: name\nname: nick', 'name: nick ?? name'),
  KV003: plan('risk: &risk low\nafter: [*risk]', 'risk: low'),
  KV004: plan('risk: !!str low', 'risk: low'),
  KV005: file('', 'version: 1\nplan: users\nmappings:\n  - …'),
  KV006: plan('risk: low\n---\nplan: more', 'risk: low'),
  KV007: plan('# \u202Eevil', '# plain'),
  KV008: plan(`after: ${'['.repeat(101)}handles${']'.repeat(101)}`, 'after: [handles]'),
  KV009: plan('gates: { 1: [row_count] }', 'gates: { B: [row_count] }'),
  KV010: mapping('wher: has(r.name)', 'where: has(r.name)'),
  KV011: mappings(
    '- match: user:{id:int}\n  into: users',
    '- match: user:{id:int}\n  type: hash\n  into: users\n  fields: { id: $id, name: name }',
  ),
  KV012: mapping('key: id', 'key: [id]'),
  KV013: mapping('unmapped: { drop: nobody reads it }', 'unmapped: { drop: [v], because: nobody reads it }'),
  KV014: fields('name: name | lowr', 'name: name | lower'),
  KV015: plan(
    'gates:\n  B: [recency: { column: joined, within: 1 day }]',
    'gates:\n  B: [recency: { column: joined, within: 24h }]',
  ),
  KV016: project('target: ${DATABASE_URL', 'target: ${DATABASE_URL:-pglite:./pg}'),
  KV017: project('plans: ../plans/*.yaml', 'plans: plans/*.yaml'),
  KV018: project('schema: nowhere.sql', ''),
  KV020: mappings("- { match: 'old:{id', ignore: left over }", "- { match: 'old:{id}', ignore: left over }"),
  KV021: mappings(
    "- { match: 'old:{id:/(?=a)/}', ignore: left over }",
    "- { match: 'old:{id:/a[a-z]*/}', ignore: left over }",
  ),
  KV022: mappings(
    "- { match: 'old:{a}{b}', ignore: left over }",
    "- { match: 'old:{a}:{b}', ignore: left over }",
  ),
  KV023: mappings(
    "- { match: 'handle:{_}', ignore: left over }",
    "- { match: 'handles:{_}', ignore: left over }",
  ),
  KV024: mappings(
    "- { match: 'old:{_:rest}', ignore: left over }\n- { match: 'old:index', index: mirrors them }",
    "- { match: 'old:index', index: mirrors them }\n- { match: 'old:{_:rest}', ignore: left over }",
  ),
  KV025: mappings(
    "- { match: 'old:{id}:{id}', ignore: left over }",
    "- { match: 'old:{id}:{part}', ignore: left over }",
  ),
  KV030: fields('name: name |', 'name: name | trim'),
  KV031: fields('name: $nmae', 'name: $key'),
  KV032: fields("name: name | lower('de')", 'name: name | lower'),
  KV033: fields('name: $key | abs', 'age: age | abs'),
  KV034: fields('joined: joined', 'joined: joined | epoch_ms'),
  KV035: mapping('decode: jsn', 'decode: json'),
  KV036: mapping('where: name != null', 'where: has(r.name)'),
  KV037: mapping('decode: [utf8, gzip, json]', 'decode: [gzip, json]'),
  KV038: fields('name: $key.name', 'name: name'),
  KV040: columns('nick: text nut null', 'nick: text null'),
  KV041: columns('ctid: text', 'c_tid: text'),
  KV042: mapping('into: user', 'into: users'),
  KV043: fields('nmae: name', 'name: name'),
  KV044: mapping('key: [name]', 'key: [id]'),
  KV045: fields('age: age', 'name: name'),
  KV046: fields('twice: twice', 'name: name'),
  KV047: schema('CREATE TABEL logs (id int PRIMARY KEY);', 'CREATE TABLE logs (id int PRIMARY KEY);'),
  KV048: mapping('into: { schema: pg_catalog, table: users }', 'into: users'),
  KV049: schema(
    'CREATE UNLOGGED TABLE logs (id int PRIMARY KEY);',
    'CREATE TABLE logs (id int PRIMARY KEY);',
  ),
  KV050: columns('seen: timestamp', 'seen: timestamptz'),
  KV051: plan(
    "queries:\n  all: { sql: 'SELECT * FROM users', uses: idx_user }",
    "queries:\n  all: { sql: 'SELECT * FROM users', uses: idx_users }",
  ),
  KV052: table(
    'references: [{ columns: [boss], to: users(name) }]',
    'references: [{ columns: [boss], to: users(id) }]',
  ),
  KV053: table('expiry: { column: name }', 'expiry: { column: joined }'),
  KV054: table('partitions: { every: month }', 'partition_by: range (joined)\npartitions: { every: month }'),
  KV055: mapping('merge: { name: sum }', 'merge: { name: coalesce }'),
  KV056: mappings(
    "- { match: 'a:{id:int}', into: users, write: true, fields: { id: $id, name: $key } }\n- { match: 'b:{id:int}', into: users, write: true, fields: { id: $id, name: $key } }",
    "- { match: 'a:{id:int}', into: users, write: true, fields: { id: $id, name: $key } }\n- { match: 'b:{id:int}', into: users, fields: { id: $id, name: $key } }",
  ),
  KV057: plan("sequences: { users.name: 'user:next_id' }", 'queries:\n  q: { sql: SELECT 1 }'),
  KV060: plan('queries:\n  q: { sql: SELECT 1 }\nplan: handles', 'queries:\n  q: { sql: SELECT 1 }'),
  KV061: plan('after: [handels]', 'after: [handles]'),
  KV062: plan('after: [users]', 'after: [handles]'),
  KV063: project('plans: plan/*.yaml', 'plans: plans/*.yaml'),
  KV064: project(
    'target: postgers://db.example/app',
    'target: postgres://db.example/app?sslmode=verify-full',
  ),
  KV070: project(
    'target: postgres://app:hunter2@db.example/app?sslmode=verify-full',
    'target: postgres://app:${PASSWORD}@db.example/app?sslmode=verify-full',
  ),
  KV071: project('sources: { kv: redis://cache.example }', 'sources: { kv: rediss://cache.example }'),
  KV072: plan(
    'gates:\n  B: [full: { drift: 0.1% }]',
    'gates:\n  B:\n    - full: { drift: 0.1% }\n      because: the shop stays open while we copy',
  ),
  KV073: fields('joined: joined | epoch_ms | default(now)', 'joined: joined | epoch_ms'),
  KV107: schema(
    'CREATE TABLE logs (id int PRIMARY KEY, parent int REFERENCES logs);',
    'CREATE TABLE logs (id int PRIMARY KEY, parent int);',
  ),
  KV104: tables(
    'handles: { columns: { id: bigint }, primary_key: [id] }',
    'handles: { columns: { id: text }, primary_key: [id] }',
  ),
}
