import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTarget } from '../../src/target/connect.ts'
import { DatabaseError, targetError } from '../../src/target/error.ts'
import { errorClass } from '../../src/target/error-class.ts'
import type { Target } from '../../src/target/target.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { freshTarget, TARGETS } from './targets.ts'

const CANARY = 'canary-7f3a'

describe.each(TARGETS)('an error of %s', async (kind) => {
  const target = await freshTarget(kind)
  await target.transaction((tx) =>
    tx.query(`
      CREATE TABLE public.parent (id text PRIMARY KEY);
      CREATE TABLE public.child (
        id text PRIMARY KEY, parent text CONSTRAINT has_parent REFERENCES public.parent, n int CONSTRAINT small CHECK (n < 10), v varchar(3), w text NOT NULL DEFAULT ''
      );
      CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no % here', NEW.id; END $$;
      CREATE TABLE public.guarded (id text);
      CREATE TRIGGER refuse BEFORE INSERT ON public.guarded FOR EACH ROW EXECUTE FUNCTION public.refuse();
      INSERT INTO public.child (id) VALUES ('${CANARY}')`),
  )

  test.each<[string, string, readonly unknown[], Partial<DatabaseError>]>([
    [
      'a duplicate',
      'INSERT INTO public.child (id) VALUES ($1)',
      [CANARY],
      { sqlState: '23505', constraint: 'child_pkey', table: 'child', class: 'quarantine' },
    ],
    [
      'a missing parent',
      'INSERT INTO public.child (id, parent) VALUES ($1, $1)',
      [`${CANARY}2`],
      { sqlState: '23503', constraint: 'has_parent', class: 'quarantine' },
    ],
    [
      'a check',
      'INSERT INTO public.child (id, n) VALUES ($1, 11)',
      [`${CANARY}3`],
      { sqlState: '23514', constraint: 'small' },
    ],
    [
      'a NULL',
      'INSERT INTO public.child (id, w) VALUES ($1, NULL)',
      [`${CANARY}4`],
      { sqlState: '23502', column: 'w' },
    ],
    ['no number', 'SELECT $1::int', [CANARY], { sqlState: '22P02', code: 'BAD_VALUE', class: 'quarantine' }],
    ['too large a number', 'SELECT $1::int', ['99999999999'], { sqlState: '22003', class: 'quarantine' }],
    [
      'too long a text',
      'INSERT INTO public.child (id, v) VALUES ($1, $1::text)',
      [CANARY],
      { sqlState: '22001', class: 'quarantine' },
    ],
    ['no time', 'SELECT $1::timestamptz', [CANARY], { sqlState: '22007' }],
    ['no JSON', 'SELECT $1::jsonb', [CANARY], { sqlState: '22P02' }],
    ['NUL in a text', 'SELECT $1::text', [`${CANARY}\0`], { sqlState: '22021' }],
    [
      'a trigger that refuses',
      'INSERT INTO public.guarded VALUES ($1)',
      [CANARY],
      { sqlState: 'P0001', code: 'SERVER', class: 'stop' },
    ],
    [
      'a table that is not there',
      'SELECT $1 FROM public.nope',
      [CANARY],
      { sqlState: '42P01', code: 'TABLE_MISSING', class: 'stop' },
    ],
    [
      'a column that is not there',
      'SELECT nope, $1 FROM public.child',
      [CANARY],
      { sqlState: '42703', code: 'COLUMN_MISSING' },
    ],
  ])('about %s holds names and codes, and no value', async (_, sql, parameters, expected) => {
    const error = await target.transaction((tx) => tx.query(sql, parameters)).catch((it) => it)
    expect(error).toBeInstanceOf(DatabaseError)
    expect(error).toMatchObject(expected)
    const told = [
      error.message,
      error.hint,
      error.stack,
      inspect(error, { depth: 9, showHidden: true }),
      JSON.stringify(error),
    ]
    expect(told.join()).not.toContain(CANARY)
    expect(told.join()).not.toContain('99999999999')
  })

  test('about a row of a COPY holds no value either', async () => {
    const tuple = Buffer.concat([Buffer.from([0, 1, 0, 0, 0, CANARY.length]), Buffer.from(CANARY)])
    const copy = target.transaction((tx) => tx.copyIn({ schema: 'public', table: 'child' }, ['id'], [tuple]))
    const error = await copy.catch((it) => it)
    expect(error).toMatchObject({ sqlState: '23505', constraint: 'child_pkey' })
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(CANARY)
  })
})

describe('a role with few rights', () => {
  let database: FreshDatabase
  let target: Target
  const role = 'poor_role'
  beforeAll(async () => {
    database = await freshDatabase()
    await database.query(`
      DO $$ BEGIN CREATE ROLE ${role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
      CREATE SCHEMA app; CREATE TABLE app.messages (id serial PRIMARY KEY); CREATE SCHEMA closed; CREATE TABLE closed.t ();
      GRANT USAGE ON SCHEMA app TO ${role};
      CREATE TABLE app.hidden (id int); ALTER TABLE app.hidden ENABLE ROW LEVEL SECURITY; GRANT SELECT ON app.hidden TO ${role};
      REVOKE TEMPORARY ON DATABASE ${database.name} FROM PUBLIC`)
    target = await openTarget(Object.assign(new URL(database.url), { username: role }).href)
  })
  afterAll(async () => {
    await target.close()
    await database.drop()
  })

  test.each([
    ['SELECT * FROM app.messages', /GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE messages TO poor_role;/],
    ['SELECT * FROM closed.t', /GRANT USAGE, CREATE ON SCHEMA closed TO poor_role;/],
    [
      `SELECT nextval('app.messages_id_seq')`,
      /GRANT USAGE, SELECT, UPDATE ON SEQUENCE messages_id_seq TO poor_role;/,
    ],
    ['CREATE TEMP TABLE t ()', /GRANT TEMPORARY ON DATABASE t_\w+ TO poor_role;/],
    ['CREATE SCHEMA mine', /GRANT CREATE, TEMPORARY ON DATABASE t_\w+ TO poor_role;/],
    ['ALTER TABLE app.messages ADD v text', /Use the role that owns it/],
    // Without row_security = off it would have been given no rows, and no error.
    ['SELECT * FROM app.hidden', /BYPASSRLS/],
  ])('is told what to grant for: %s', async (sql, hint) => {
    const error = await target.transaction((tx) => tx.query(sql)).catch((it) => it)
    expect(error).toMatchObject({
      code: 'PERMISSION',
      sqlState: '42501',
      class: 'stop',
      hint: expect.stringMatching(hint),
    })
    expect(error.message).toContain(role)
  })

  test('that is read-only by default stays so', async () => {
    await database.query(
      `ALTER ROLE ${role} IN DATABASE ${database.name} SET default_transaction_read_only = on`,
    )
    const reader = await openTarget(Object.assign(new URL(database.url), { username: role }).href)
    await expect(reader.transaction((tx) => tx.query('CREATE SCHEMA mine'))).rejects.toMatchObject({
      code: 'READ_ONLY',
    })
    await reader.close()
  })
})

test.each([
  ['53100', 'DISK_FULL', /no space left/],
  ['53300', 'TOO_MANY_CONNECTIONS', /takes no more connections/],
  ['53200', 'OUT_OF_MEMORY', /out of memory/],
  ['57P03', 'STARTING', /is starting or stopping/],
  ['57P01', 'CONNECTION_LOST', /ended the connection/],
  ['08P01', 'PROTOCOL', /unsupported startup parameter/],
  ['XX000', 'SERVER', /error XX000/],
])('a server that says %s is told about as %s', (code, own, sentence) => {
  const fault = {
    severity: 'FATAL',
    code,
    message: 'unsupported startup parameter: options',
    detail: CANARY,
    where: CANARY,
  }
  const error = targetError(fault, { label: 'postgres://db:5432/app', user: 'ann' })
  expect(error).toMatchObject({ code: own, sqlState: code, message: expect.stringMatching(sentence) })
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(CANARY)
})

test('what a server says before anybody is logged in may be repeated', () => {
  const fault = { severity: 'FATAL', code: 'XX000', message: 'Tenant or user not found' }
  const place = { label: 'postgres://db:5432/app' }
  expect(targetError(fault, { ...place, connecting: true }).message).toContain('Tenant or user not found')
  expect(targetError(fault, place).message).not.toContain('Tenant')
})

test.each([
  [
    'retry',
    ['40001', '40P01', '55P03', '57P03', '53300', '57014', '25P03', 'ECONNREFUSED', 'ETIMEDOUT', 'NOT_SENT'],
  ],
  ['resolve', ['57P01', '57P02', '08006', '08003', 'ECONNRESET', 'CONNECTION_LOST']],
  [
    'quarantine',
    [
      '22021',
      '22P05',
      '22P02',
      '22003',
      '22001',
      '22007',
      '22008',
      '22009',
      '23502',
      '23503',
      '23505',
      '23514',
      '54000',
      '54001',
    ],
  ],
  [
    'stop',
    [
      '53100',
      '53200',
      '25006',
      '28P01',
      '3D000',
      '42501',
      '42P01',
      '42703',
      'XX000',
      'XX001',
      'ENOTFOUND',
      '99999',
      'EWHATEVER',
    ],
  ],
  ['plan', ['08P01', '42P05', '428C9', '54011']],
  ['bug', ['21000', '25P02', '22P04']],
])('an error asks to %s: %j', (asked, codes) => {
  expect(codes.map((it) => errorClass(it))).toEqual(codes.map(() => asked))
})
