import { describe, expect, test } from 'vitest'
import { inspectTables } from '../../src/target/inspect.ts'
import { freshTarget, TARGETS } from './targets.ts'

describe.each(TARGETS)('on %s', async (kind) => {
  const target = await freshTarget(kind)
  await target.transaction((tx) =>
    tx.query(`
      CREATE SCHEMA app;
      CREATE TYPE app.mood AS ENUM ('sad', 'so so');
      CREATE TABLE app.handles (handle text PRIMARY KEY, UNIQUE (handle));
      CREATE TABLE app."Messages" (
        id bigserial, "from" text NOT NULL REFERENCES app.handles (handle) ON DELETE CASCADE, mood app.mood[], price numeric(10,2) DEFAULT 0,
        n int GENERATED ALWAYS AS IDENTITY, at timestamptz(3), twice int GENERATED ALWAYS AS (1 + 1) STORED, code char(3), v varchar(9), ip inet,
        CONSTRAINT positive CHECK (price >= 0), PRIMARY KEY (id, "from"), UNIQUE (code, v)
      );
      ALTER TABLE app."Messages" ADD CONSTRAINT later FOREIGN KEY (v) REFERENCES app.handles DEFERRABLE NOT VALID;
      CREATE UNIQUE INDEX partly ON app."Messages" (v) WHERE price > 1;
      CREATE INDEX least_first ON app."Messages" (LEAST("from", v), at DESC);
      CREATE FUNCTION app.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE TRIGGER noisy BEFORE UPDATE ON app."Messages" FOR EACH ROW EXECUTE FUNCTION app.nothing();
      CREATE UNLOGGED TABLE app.sessions (id int);
      ALTER TABLE app.sessions ENABLE ROW LEVEL SECURITY;
      CREATE TABLE app.events (day date) PARTITION BY RANGE (day);
      CREATE VIEW app.everything AS SELECT * FROM app.handles`),
  )
  const facts = await target.transaction(
    (tx) =>
      inspectTables(
        tx,
        ['handles', 'Messages', 'sessions', 'events', 'everything', 'nothing'].map((table) => ({
          schema: 'app',
          table,
        })),
      ),
    { readOnly: true },
  )
  const messages = facts.get('app.Messages')!

  test('tells which tables are there', () => {
    expect([...facts.keys()].sort()).toEqual([
      'app.Messages',
      'app.events',
      'app.everything',
      'app.handles',
      'app.sessions',
    ])
    expect(facts.get('app.events')!.kind).toBe('partitioned')
    expect(facts.get('app.everything')!.kind).toBe('view')
    expect(facts.get('app.sessions')).toMatchObject({
      kind: 'table',
      unlogged: true,
      rowSecurity: true,
      owned: true,
    })
  })

  test('knows the columns and their types', () => {
    expect(
      messages.columns.map(({ name, type: { base, array, sql, labels, ...more }, notNull }) => [
        name,
        base,
        array,
        sql,
        notNull,
        labels,
        more,
      ]),
    ).toEqual([
      ['id', 'bigint', false, 'bigint', true, undefined, {}],
      ['from', 'text', false, 'text', true, undefined, {}],
      ['mood', 'enum', true, 'app.mood', false, ['sad', 'so so'], {}],
      ['price', 'numeric', false, 'numeric(10,2)', false, undefined, { precision: 10, scale: 2 }],
      ['n', 'integer', false, 'integer', true, undefined, {}],
      ['at', 'timestamptz', false, 'timestamp(3) with time zone', false, undefined, { fraction: 3 }],
      ['twice', 'integer', false, 'integer', false, undefined, {}],
      ['code', 'char', false, 'character(3)', false, undefined, { length: 3 }],
      ['v', 'varchar', false, 'character varying(9)', false, undefined, { length: 9 }],
      ['ip', 'other', false, 'inet', false, undefined, {}],
    ])
    const [id, , , price, n, , twice] = messages.columns
    expect(id!.sequence).toEqual({ schema: 'app', table: 'Messages_id_seq' })
    expect(n).toMatchObject({ identity: 'always', sequence: { schema: 'app', table: 'Messages_n_seq' } })
    expect(price!.default).toBe('0')
    expect(twice).toMatchObject({ generated: true, default: undefined })
  })

  test('knows keys, indexes, references, checks and triggers', () => {
    expect(messages.primaryKey).toEqual(['id', 'from'])
    expect(messages.unique).toEqual([['code', 'v']])
    expect(messages.indexes.map((it) => it.name)).toEqual([
      'Messages_code_v_key',
      'Messages_pkey',
      'least_first',
      'partly',
    ])
    expect(messages.indexes[2]).toMatchObject({ unique: false, valid: true })
    expect(messages.indexes[2]!.definition).toContain('LEAST')
    const to = { schema: 'app', table: 'handles' }
    expect(messages.foreignKeys).toEqual([
      {
        name: 'Messages_from_fkey',
        columns: ['from'],
        to,
        toColumns: ['handle'],
        onDelete: 'cascade',
        deferrable: false,
        validated: true,
      },
      {
        name: 'later',
        columns: ['v'],
        to,
        toColumns: ['handle'],
        onDelete: 'no action',
        deferrable: true,
        validated: false,
      },
    ])
    expect(messages.checks).toEqual([
      { name: 'positive', definition: 'CHECK ((price >= (0)::numeric))', validated: true },
    ])
    expect(messages.triggers.map((it) => it.name)).toEqual(['noisy'])
    expect(messages.rows).toBeUndefined()
  })
})
