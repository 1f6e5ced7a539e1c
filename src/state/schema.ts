import { KvmigError, TargetError } from '../errors.ts'
import type { Target, Transaction } from '../target/target.ts'

/** Creates schema `kvmig`, or brings it to the version that this kvmig knows. Refuses one that a newer kvmig has written. */
export async function installSchema(target: Target): Promise<void> {
  await repeatably(() =>
    target.transaction(async (tx) => {
      // Two that install at once: the second waits, and finds it done. Ends with the transaction, as poolers want it.
      await tx.query('SELECT pg_advisory_xact_lock($1)', [INSTALL_LOCK])
      const version = await schemaVersion(tx)
      if (version === undefined) await createSchema(tx)
      for (const [index, migration] of MIGRATIONS.entries()) {
        if (index < (version ?? 0)) continue
        await tx.query(migration)
        await tx.query('INSERT INTO kvmig.version (version) VALUES ($1)', [index + 1])
      }
    }),
  )
}

/** The version in the database; undefined where nothing is installed. Throws for one that is newer than this kvmig. */
async function schemaVersion(tx: Transaction): Promise<number | undefined> {
  const [table] = await tx.query(
    `SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'kvmig' AND c.relname = 'version'`,
  )
  if (!table) return undefined
  const [row] = await tx.query('SELECT max(version) AS version FROM kvmig.version')
  const version = Number(row!.version)
  if (version > MIGRATIONS.length) {
    throw new KvmigError(
      'LEDGER_NEWER',
      `A newer kvmig has been here: its ledger has version ${version}, this kvmig knows ${MIGRATIONS.length}.`,
      { hint: 'Use that version of kvmig, or a later one.' },
    )
  }
  return version
}

/** Reads the ledger; `nothing` where none is installed yet. */
export function readLedger<T>(target: Target, read: (tx: Transaction) => Promise<T>, nothing: T): Promise<T> {
  return target.transaction(async (tx) => ((await schemaVersion(tx)) === undefined ? nothing : read(tx)), {
    readOnly: true,
  })
}

export async function dropSchema(target: Target): Promise<void> {
  await repeatably(() => target.transaction((tx) => tx.query('DROP SCHEMA IF EXISTS kvmig CASCADE')))
}

/** For work that may be done twice: does it again where nobody knows whether it was committed. */
export async function repeatably<T>(work: () => Promise<T>): Promise<T> {
  for (let left = 3; ; left--) {
    try {
      return await work()
    } catch (error) {
      if (left === 0 || !(error instanceof TargetError) || error.code !== 'COMMIT_UNKNOWN') throw error
    }
  }
}

async function createSchema(tx: Transaction): Promise<void> {
  const [there] = await tx.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'kvmig'`)
  // One that the owner of the database made for this role will do: then the role needs no right to make schemas.
  if (there) return
  const [who] = await tx.query('SELECT current_user AS role, current_database() AS database')
  await tx.query('CREATE SCHEMA kvmig').catch((error: unknown) => {
    if (!(error instanceof TargetError) || error.code !== 'PERMISSION') throw error
    throw new TargetError(
      'PERMISSION',
      `kvmig keeps its memory in schema kvmig of database ${who!.database}, and role ${who!.role} may not create it.`,
      {
        hint: `As the owner of the database, run: CREATE SCHEMA kvmig AUTHORIZATION ${who!.role};`,
        sqlState: '42501',
      },
    )
  })
}

// "kvmig" in ASCII.
const INSTALL_LOCK = 0x6b766d6967

/**
 * One entry a version: never edited after a release, only added to. Keys and parts of the source are bytes, and of any length, so indexes
 * hold their SHA-256. No column holds a value of the source.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE kvmig.version (
    version integer PRIMARY KEY,
    installed_at timestamptz NOT NULL DEFAULT now()
  );

  -- One row. id is a key column, so that taking the lease waits for transactions that hold it FOR KEY SHARE, and renewing it does not.
  CREATE TABLE kvmig.lease (
    id uuid PRIMARY KEY,
    single boolean NOT NULL UNIQUE CHECK (single),
    epoch bigint NOT NULL,
    holder text,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL
  );
  INSERT INTO kvmig.lease VALUES (gen_random_uuid(), true, 0, NULL, now(), now());

  CREATE TABLE kvmig.run (
    id uuid PRIMARY KEY,
    command text NOT NULL,
    phase text,
    plans jsonb NOT NULL,
    plan_hash text NOT NULL,
    who text NOT NULL,
    host text NOT NULL,
    git_commit text,
    version text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    outcome text,
    summary jsonb
  );
  CREATE INDEX run_started_at ON kvmig.run (started_at DESC);

  CREATE TABLE kvmig.step (
    id text PRIMARY KEY,
    plan text,
    phase text NOT NULL,
    kind text NOT NULL,
    fingerprint text NOT NULL,
    state text NOT NULL,
    definition jsonb,
    outcome jsonb,
    at timestamptz NOT NULL DEFAULT now()
  );

  CREATE TABLE kvmig.checkpoint (
    pass text PRIMARY KEY,
    identity text NOT NULL,
    cursor text,
    counts jsonb,
    batch bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
  );

  CREATE TABLE kvmig.route (
    plan text PRIMARY KEY,
    phase text NOT NULL,
    epoch bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
  );

  CREATE TABLE kvmig.finding (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run uuid NOT NULL,
    plan text NOT NULL,
    gate text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    findings jsonb NOT NULL
  );
  CREATE INDEX finding_plan ON kvmig.finding (plan, id DESC);

  CREATE TABLE kvmig.used_plan (
    digest text PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now()
  );

  CREATE TABLE kvmig.quarantine (
    plan text NOT NULL,
    mapping text NOT NULL,
    key_digest bytea NOT NULL,
    part_digest bytea NOT NULL,
    key bytea NOT NULL,
    part bytea NOT NULL,
    "column" text,
    code text NOT NULL,
    message text NOT NULL,
    bytes bigint,
    digest text,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 1,
    accepted text,
    doubtful boolean NOT NULL DEFAULT false,
    PRIMARY KEY (plan, mapping, key_digest, part_digest)
  );

  CREATE TABLE kvmig.origin (
    target text NOT NULL,
    row_key bytea NOT NULL,
    writer text NOT NULL,
    key bytea NOT NULL,
    part bytea NOT NULL,
    state text NOT NULL,
    existed boolean NOT NULL,
    PRIMARY KEY (target, row_key)
  );
  CREATE INDEX origin_open ON kvmig.origin (target) WHERE state = 'open';

  CREATE TABLE kvmig.rival (
    target text NOT NULL,
    row_key bytea NOT NULL,
    writer text NOT NULL,
    record_digest bytea NOT NULL,
    key bytea NOT NULL,
    part bytea NOT NULL,
    PRIMARY KEY (target, row_key, writer, record_digest)
  );
  `,
  `
  -- Commands sent to sources in a calendar month (UTC), by everything that kvmig does.
  CREATE TABLE kvmig.spent (
    month date PRIMARY KEY,
    commands bigint NOT NULL
  );
  `,
  `
  -- While instances may be alive that write the source only: the source decides, and a write fails when the source does.
  ALTER TABLE kvmig.route ADD COLUMN rollout boolean NOT NULL DEFAULT false;

  -- Where the epochs of a plan go on after its route was forgotten: an epoch is never used twice.
  CREATE TABLE kvmig.last_epoch (
    plan text PRIMARY KEY,
    epoch bigint NOT NULL
  );

  -- Is this the plan's epoch, and does it stay so until the transaction ends? A change of route waits for those who asked. The role of
  -- the application needs no right to write routes for that. Volatile: it sees what was committed while it waited for the lock.
  CREATE FUNCTION kvmig.fence(of_plan text, of_epoch bigint) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
  BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('kvmig.route ' || of_plan, 0));
    RETURN EXISTS (SELECT FROM kvmig.route r WHERE r.plan = of_plan AND r.epoch = of_epoch);
  END $$;

  CREATE TABLE kvmig.instance (
    id text PRIMARY KEY,
    version text NOT NULL,
    host text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- By plan: the epoch that the instance acts on.
    epochs jsonb NOT NULL
  );

  -- One line for each record that the application wrote or a pass claimed since dual-write began. No line: the backfill's.
  CREATE TABLE kvmig.touch (
    plan text NOT NULL,
    unit bytea NOT NULL,
    key bytea NOT NULL,
    part bytea NOT NULL,
    version bigint NOT NULL,
    origin text NOT NULL CHECK (origin IN ('live', 'copy')),
    deleted boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan, unit)
  ) WITH (fillfactor = 80);

  -- Changes of the source that are not confirmed yet. The only place of the ledger that holds values: the ones on their way.
  CREATE TABLE kvmig.outbox (
    plan text NOT NULL,
    unit bytea NOT NULL,
    version bigint NOT NULL,
    key bytea NOT NULL,
    part bytea NOT NULL,
    change bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    tried_at timestamptz,
    PRIMARY KEY (plan, unit, version)
  );
  CREATE INDEX outbox_at ON kvmig.outbox (plan, at);

  -- What instances measured, in buckets of ten seconds of the database's clock. Histograms add up.
  CREATE TABLE kvmig.latency (
    plan text NOT NULL,
    at timestamptz NOT NULL,
    instance text NOT NULL,
    side text NOT NULL,
    operation text NOT NULL,
    count bigint NOT NULL,
    errors bigint NOT NULL,
    histogram bigint[] NOT NULL,
    PRIMARY KEY (plan, at, instance, side, operation)
  );
  CREATE INDEX latency_at ON kvmig.latency (at);

  CREATE TABLE kvmig.counter (
    plan text NOT NULL,
    at timestamptz NOT NULL,
    instance text NOT NULL,
    name text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (plan, at, instance, name)
  );
  CREATE INDEX counter_at ON kvmig.counter (at);
  `,
  `
  -- Every change of a route, for soak clocks: tomorrow's run knows that day 6 of 14 has passed.
  CREATE TABLE kvmig.flip (
    plan text NOT NULL,
    epoch bigint NOT NULL,
    phase text NOT NULL,
    rollout boolean NOT NULL,
    why text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan, epoch)
  );

  -- What triggers saw. name: the trigger, by its content.
  CREATE TABLE kvmig.observation (
    plan text NOT NULL,
    name text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    status text NOT NULL CHECK (status IN ('pass', 'fail', 'missing')),
    measured text NOT NULL,
    PRIMARY KEY (plan, name, at)
  );

  -- What was told of a trigger last, so that it is told once.
  CREATE TABLE kvmig.told (
    plan text NOT NULL,
    name text NOT NULL,
    state text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan, name)
  );

  CREATE TABLE kvmig.watch (
    plan text PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
  );

  -- A plan that stays where it is until somebody says otherwise.
  CREATE TABLE kvmig.pause (
    plan text PRIMARY KEY,
    because text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
  );

  CREATE TABLE kvmig.bug (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan text NOT NULL,
    severity text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    note text NOT NULL
  );
  CREATE INDEX bug_at ON kvmig.bug (plan, at);
  `,
  `
  -- Which rows a key has, for dual-write of tables where several records can give one row.
  CREATE INDEX origin_key ON kvmig.origin USING hash (key);
  `,
  `
  -- The first half of a live write: one call, of which the server keeps the plans. Error KV001: of_epoch is not the plan's any more.
  -- of_who: whom a history of changes names (audit). told: instances keep copies of the plan's records, and have to hear of this.
  CREATE FUNCTION kvmig.advance(
    of_plan text, of_epoch bigint, units bytea[], keys bytea[], parts bytea[], gone boolean[], changes bytea[], of_who text, told boolean,
    OUT unit bytea, OUT version bigint
  ) RETURNS SETOF record LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog AS $$
  DECLARE i integer;
  BEGIN
    IF NOT kvmig.fence(of_plan, of_epoch) THEN
      RAISE EXCEPTION 'the epoch is over' USING ERRCODE = 'KV001';
    END IF;
    PERFORM set_config('kvmig.who', of_who, true);
    -- In one order for everybody: two writes of the same records wait for each other, and never both.
    FOR i IN SELECT n FROM unnest(units) WITH ORDINALITY AS u(it, n) ORDER BY it LOOP
      unit := units[i];
      INSERT INTO kvmig.touch AS t (plan, unit, key, part, version, origin, deleted)
        VALUES (of_plan, units[i], keys[i], parts[i], 1, 'live', gone[i])
        ON CONFLICT ON CONSTRAINT touch_pkey DO UPDATE
          SET version = t.version + 1, origin = 'live', deleted = excluded.deleted, at = clock_timestamp()
        RETURNING t.version INTO version;
      IF changes[i] IS NOT NULL THEN
        INSERT INTO kvmig.outbox (plan, unit, version, key, part, change)
          VALUES (of_plan, units[i], version, keys[i], parts[i], changes[i]);
      END IF;
      IF told THEN
        PERFORM pg_notify('kvmig_record', of_plan || ' ' || encode(units[i], 'hex'));
      END IF;
      RETURN NEXT;
    END LOOP;
  END $$;
  `,
]
