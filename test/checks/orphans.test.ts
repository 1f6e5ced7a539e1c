import { beforeEach, describe, expect, test } from 'vitest'
import { orphans } from '../../src/checks/orphans.ts'
import { freshTarget } from '../target/targets.ts'
import { freshRole, runSql, SERVERS } from './database.ts'
import { reference, scopeOf, table } from './scope.ts'

const messages = table(
  'messages',
  { id: 'text', from_user: 'text' },
  { references: [reference('from_user', 'handles', 'handle')] },
)

describe.each(SERVERS)('orphans on %s', async (kind) => {
  const target = await freshTarget(kind)
  const run = () => orphans.run(scopeOf({ target, tables: [messages] }), {})

  beforeEach(async () => {
    await runSql(
      target,
      `DROP TABLE IF EXISTS messages, parts, handles;
      CREATE TABLE handles (handle text PRIMARY KEY);
      CREATE TABLE messages (id text PRIMARY KEY, from_user text);
      INSERT INTO handles VALUES ('ada');
      INSERT INTO messages VALUES ('m1', 'ada'), ('m2', NULL)`,
    )
  })
  const addKey = (more = '') =>
    runSql(
      target,
      `ALTER TABLE messages ADD CONSTRAINT fk FOREIGN KEY (from_user) REFERENCES handles ${more}`,
    )

  test('passes when every row has its parent and the foreign key is validated', async () => {
    await addKey()
    expect(await run()).toMatchObject({
      status: 'pass',
      measured: '1 reference: 0 rows without a parent, 0 foreign keys missing or not validated.',
    })
  })

  test('fails for rows without a parent, with their keys', async () => {
    await runSql(target, `INSERT INTO messages VALUES ('m3', 'gone'), ('m\n4', 'gone')`)
    await addKey('NOT VALID')
    const finding = await run()
    expect(finding).toMatchObject({
      status: 'fail',
      data: {
        references: [{ reference: 'messages(from_user) to handles', orphans: 2, constraint: 'not valid' }],
      },
    })
    expect(finding.samples).toEqual([
      'messages(from_user) to handles: 2 orphans',
      'messages(from_user) to handles: fk is not validated',
      'messages: id m3',
      'messages: id m\\n4',
    ])
    expect(JSON.stringify(finding)).not.toContain('gone')
  })

  test('fails for a foreign key that nobody validated, although no row breaks it', async () => {
    await addKey('NOT VALID')
    expect(await run()).toMatchObject({
      status: 'fail',
      measured: expect.stringContaining('0 rows without a parent, 1 foreign key'),
    })
  })

  test('fails for a declared reference without a foreign key, and counts its orphans', async () => {
    await runSql(target, `INSERT INTO messages VALUES ('m3', 'gone')`)
    const finding = await run()
    expect(finding.status).toBe('fail')
    expect(finding.samples).toContain('messages(from_user) to handles: no foreign key')
    expect(finding.samples).toContain('messages(from_user) to handles: 1 orphan')
  })

  test('looks at foreign keys that only the database knows, composite ones too', async () => {
    await addKey()
    await runSql(
      target,
      `DROP TABLE IF EXISTS rooms, posts; CREATE TABLE rooms (town text, room text, PRIMARY KEY (town, room));
      CREATE TABLE posts (id int PRIMARY KEY, r text, t text); INSERT INTO rooms VALUES ('a', '1');
      INSERT INTO posts VALUES (1, '1', 'a'), (2, '2', 'a'), (3, NULL, 'a');
      ALTER TABLE posts ADD CONSTRAINT posts_room FOREIGN KEY (r, t) REFERENCES rooms (room, town) NOT VALID`,
    )
    const finding = await orphans.run(scopeOf({ target, tables: [table('posts', { id: 'integer' })] }), {})
    expect(finding.samples).toEqual([
      'posts(r, t) to rooms: 1 orphan',
      'posts(r, t) to rooms: posts_room is not validated',
      'posts: id 2',
    ])
  })

  test('counts a foreign key of a partitioned table once', async () => {
    await runSql(
      target,
      `DROP TABLE IF EXISTS parts; CREATE TABLE parts (id int, handle text REFERENCES handles) PARTITION BY LIST (id);
      CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2)`,
    )
    const finding = await orphans.run(scopeOf({ target, tables: [table('parts', { id: 'integer' })] }), {})
    expect(finding).toMatchObject({ status: 'pass', measured: expect.stringContaining('1 reference:') })
  })

  test('passes for a plan whose tables refer to nothing', async () => {
    const finding = await orphans.run(scopeOf({ target, tables: [table('handles', { handle: 'text' })] }), {})
    expect(finding).toMatchObject({
      status: 'pass',
      measured: 'No table of plan messages refers to another.',
    })
  })
})

test('cannot measure without the right to read the parents', async () => {
  const { target } = await freshRole(
    `CREATE TABLE handles (handle text PRIMARY KEY); CREATE TABLE messages (id text PRIMARY KEY, from_user text REFERENCES handles);
    GRANT SELECT ON messages TO the_role`,
  )
  await expect(orphans.run(scopeOf({ target, tables: [messages] }), {})).rejects.toThrow(
    'may not read table handles',
  )
})
