-- What the preset bullmq fills of the tables of pg-boss, which makes them itself: await boss.start().
CREATE TYPE pgboss.job_state AS ENUM ('created', 'retry', 'active', 'completed', 'cancelled', 'failed');

CREATE TABLE pgboss.job (
  id uuid not null default gen_random_uuid(),
  name text not null,
  priority integer not null default 0,
  data jsonb,
  state pgboss.job_state not null default 'created',
  retry_limit integer not null default 2,
  retry_count integer not null default 0,
  retry_delay integer not null default 0,
  retry_backoff boolean not null default false,
  start_after timestamptz not null default now(),
  started_on timestamptz,
  singleton_key text,
  created_on timestamptz not null default now(),
  completed_on timestamptz,
  keep_until timestamptz not null default now() + interval '14 days',
  output jsonb,
  PRIMARY KEY (name, id)
) PARTITION BY LIST (name);

CREATE TABLE pgboss.schedule (
  name text PRIMARY KEY,
  cron text not null,
  timezone text,
  data jsonb,
  options jsonb
);
