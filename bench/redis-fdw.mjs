// INSERT … SELECT from a foreign table: Postgres itself asks Redis, by the extension redis_fdw, where the server has it.
const JSON_COLUMNS = "j->>'from', j->>'to', j->>'text', to_timestamp((j->>'created_at')::numeric / 1000)"

/** Of each shape: the foreign table, and the row that is made of it. Fields of a small hash come in the order in which they were set. */
const SHAPES = {
  json: {
    table: "(key text, val text) SERVER redis OPTIONS (database '0', tablekeyprefix 'messages:')",
    rows: `substr(key, 10), ${JSON_COLUMNS} FROM (SELECT key, val::jsonb AS j FROM kv) s`,
  },
  hash: {
    table:
      "(key text, val text) SERVER redis OPTIONS (database '0', tabletype 'hash', singleton_key 'vibe:messages')",
    rows: `key, ${JSON_COLUMNS} FROM (SELECT key, val::jsonb AS j FROM kv) s`,
  },
  fields: {
    table:
      "(key text, val text[]) SERVER redis OPTIONS (database '0', tabletype 'hash', tablekeyprefix 'user:')",
    rows: `substr(key, 6), val[2], val[4], val[6]::integer, val[8]::boolean, to_timestamp(val[10]::numeric / 1000),
      val[12]::timestamptz, val[14], val[16]::bigint FROM kv`,
  },
  small: {
    table: "(key text, val text) SERVER redis OPTIONS (database '0', tablekeyprefix 'credits:')",
    rows: `substr(key, 9)::bigint, (j->>'balance')::integer, (j->>'used')::integer, (j->>'allowance')::integer, (j->>'version')::bigint
      FROM (SELECT key, val::jsonb AS j FROM kv) s`,
  },
}

/** Why it can not be measured on this server; undefined: it can. */
export const missingRedisFdw = (postgres) =>
  postgres.psql("SELECT 1 FROM pg_available_extensions WHERE name = 'redis_fdw'", ['-At']).trim() === ''
    ? 'this Postgres server does not have the extension redis_fdw'
    : undefined

export function openForeignTable(postgres, redisPort, name) {
  postgres.psql(`CREATE EXTENSION redis_fdw;
    CREATE SERVER redis FOREIGN DATA WRAPPER redis_fdw OPTIONS (address '127.0.0.1', port '${redisPort}');
    CREATE USER MAPPING FOR PUBLIC SERVER redis;
    CREATE FOREIGN TABLE kv ${SHAPES[name].table}`)
}

export const closeForeignTable = (postgres) => postgres.psql('DROP EXTENSION redis_fdw CASCADE')

/** SCAN may give a key twice. */
export const insertSome = (name, table, rows) =>
  `INSERT INTO ${table} SELECT ${SHAPES[name].rows} LIMIT ${rows} ON CONFLICT DO NOTHING`
