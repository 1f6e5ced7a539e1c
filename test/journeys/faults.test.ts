import { chmodSync, existsSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Ended } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type PostgresServer, startPostgres } from '../setup/postgres-server.ts'
import { freshRedis } from '../setup/redis.ts'
import { APPLY, contents, fillShop, openShop, SHOP, type Shop, undisturbed } from './shop.ts'

/** Everything here is read at 3 a.m.: a message that changes is read again by whoever changes it. */

let shop: Shop
beforeAll(async () => {
  shop = await openShop()
})
afterAll(() => shop.close())

let database: FreshDatabase
beforeEach(async () => {
  database = await freshDatabase()
  return () => database.drop()
})

/** The exit code and what is said of the fault: stderr without progress, and from the report on stdout the steps and checks at fault. */
function told({ code, stdout, stderr }: Ended): string {
  const lines = stderr
    .split('\n')
    .filter(
      (it) => it.startsWith('kvmig:') || !/: (skipped|created|done|open|[\d,]+ \w.*)( \(.*\))?$/.test(it),
    )
  // Steps that run side by side may fail in any order.
  const isStep = (it: string) => it.includes(': failed: ')
  const errors = [...lines.filter(isStep).sort(), ...lines.filter((it) => !isStep(it))]
  const report = stdout.split('\n').filter((it, index, all) => {
    const head = all.slice(0, index + 1).findLast((line) => /^ {2}\S/.test(line)) ?? ''
    return /^ {2}[✗!] /.test(head) && it !== '' && /^ {2}/.test(it)
  })
  const text = [`exit ${code}`, ...errors, ...report].join('\n').trim()
  return text
    .replaceAll(database.name, 'DB')
    .replaceAll(shop.project.path, 'PROJECT')
    .replace(/127\.0\.0\.1:\d{4,5}/g, 'HOST')
    .replace(/\br_[0-9a-f]{12}\b/g, 'ROLE')
    .replace(/ +\(?\d+(\.\d+)? m?s\)?$/gm, '')
}

const at = (url: string, change: (it: URL) => void): string => {
  const address = new URL(url)
  change(address)
  return address.href
}

const isUntouched = async () => {
  const { rows } = await database.query(`select nspname from pg_namespace where nspname = 'kvmig'`)
  expect(rows).toEqual([])
}

describe('what was asked for', () => {
  test('mistakes in two plans come all at once, with their places', async () => {
    const wrong = await openShop({
      ...SHOP,
      'plans/customers.yaml': SHOP['plans/customers.yaml']!.replace(
        'into: customers',
        'into: custmers',
      ).replace('name: text not null', 'name: txt not null'),
      'plans/orders.yaml': SHOP['plans/orders.yaml']!.replace(
        'total: total',
        'total: total | decmal',
      ).replace('customers(id)', 'customers(idd)'),
    })
    expect(told(await wrong.run(APPLY, database.url))).toMatchInlineSnapshot(`
      "exit 1
      plans/customers.yaml:6:11  KV042  There is no table custmers. Did you mean "customers"?
      plans/orders.yaml:8:59  KV014  There is no transform "decmal". Did you mean "decimal"?
      plans/orders.yaml:21:45  KV043  The table customers has no column "idd". Did you mean "id"?

      3 mistakes in 2 files. Nothing was changed. kvmig explain KV042 has more about the first."
    `)
    await isUntouched()
    await wrong.close()
  })

  const ask = async (...args: string[]) => told(await shop.run(args, database.url))

  test('an unknown plan', async () => {
    expect(await ask('apply', '--phase=A', 'order')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: PLAN_UNKNOWN  There is no plan "order". Did you mean orders?
             migrations.yaml has: customers, orders."
    `)
    await isUntouched()
  })

  test('phases that do not exist, that come later, and none', async () => {
    expect(await ask('apply', '--phase=E')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: USAGE  Option '--phase <phase>' argument 'E' is invalid. The phases are A, B, C and D.
             See kvmig apply --help."
    `)
    expect(await ask('apply', '--phase=B')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: PHASE_ORDER  Plan customers has not completed phase A.
             Phases come one after the other: kvmig apply --phase=A customers."
    `)
    expect(await ask('apply')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: USAGE  Required option '--phase <phase>' not specified.
             See kvmig apply --help."
    `)
    await isUntouched()
  })

  test('an unknown command', async () => {
    expect(await ask('aply', '--phase=A')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: USAGE  Unknown command 'aply'. Did you mean apply?
             See kvmig --help."
    `)
  })

  test('a project file that is not there', async () => {
    expect(await ask('apply', '--phase=A', '--project', 'nope.yaml')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: PROJECT_MISSING  There is no file nope.yaml.
             It was looked for in PROJECT. kvmig init writes a migrations.yaml."
    `)
    expect(await ask('apply', '--phase=A', '--cwd', '/')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: PROJECT_MISSING  There is no migrations.yaml here or in a folder above.
             kvmig init writes one; --project FILE names another."
    `)
  })

  test('an unknown environment', async () => {
    expect(await ask('apply', '--phase=A', '--env', 'prod')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: ENVIRONMENT_UNKNOWN  There is no environment "prod" in migrations.yaml. It names: none."
    `)
  })
})

describe('the source', () => {
  const redis = (credentials: string, path = '') =>
    `redis://${credentials}127.0.0.1:${shop.redis.port}${path}`
  const apply = async (source: string) => told(await shop.run(APPLY, database.url, { KV_URL: source }))

  test('its variable is not set', async () => {
    expect(await apply('')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: ENV_MISSING  migrations.yaml:2:16  The environment variable KV_URL is not set.
             Set it, put it into .env, or give a default: \${KV_URL:-…}."
    `)
    await isUntouched()
  })

  test('a wrong password', async () => {
    await shop.redis.client.call('ACL', 'SETUSER', 'reader', 'on', '>right', '~*', '+@all')
    expect(await apply(redis('reader:s3cret@'))).toMatchInlineSnapshot(`
      "exit 1
      kvmig: SOURCE_AUTH  redis://HOST/0 refused the user name or password.
             Check the credentials in the address, and that special characters are percent-encoded."
    `)
    await isUntouched()
  })

  test('a password is asked for, and there is none', async () => {
    const locked = await freshRedis()
    await locked.client.config('SET', 'requirepass', 'pw')
    expect(await apply(locked.url)).toMatchInlineSnapshot(`
      "exit 1
      kvmig: SOURCE_AUTH  redis://HOST/0 asks for a password, and the address has none.
             Write redis://user:password@host:port/db."
    `)
    await locked.stop()
    await isUntouched()
  })

  test('a user who may not read', async () => {
    await shop.redis.client.call(
      'ACL',
      'SETUSER',
      'poor',
      'on',
      '>pw',
      '~*',
      '+@connection',
      '+info',
      '+scan',
      '+type',
      '+multi',
      '+exec',
    )
    expect(await apply(redis('poor:pw@'))).toMatchInlineSnapshot(`
      "exit 1
      customers  backfill customer:{id:int} ► customers: failed: SOURCE_NOPERM  The user of redis://HOST/0 may not run MGET.

        ✗ failed   customers  > backfill     customer:{id:int} ► customers
                SOURCE_NOPERM  The user of redis://HOST/0 may not run MGET.
                ► Allow it: ACL SETUSER … +mget. Reading needs +scan +type +mget +get +hlen +hgetall +hscan +llen +lrange +scard +smembers +sscan +zcard +zrange +zscan +xlen +xrange +pexpiretime +pttl +time +multi +exec +watch +select +dbsize +info, and from Redis 7.4 on +hpexpiretime."
    `)
  })

  test('a user who may not read these keys', async () => {
    await shop.redis.client.call('ACL', 'SETUSER', 'narrow', 'on', '>pw', '~customer:*', '+@all')
    expect(await apply(redis('narrow:pw@'))).toMatchInlineSnapshot(`
      "exit 1
      customers  backfill client:{id:int} ► customers: failed: SOURCE_NOPERM  The user of redis://HOST/0 may not read one of the keys.

        ✗ failed   customers  > backfill     client:{id:int} ► customers
                SOURCE_NOPERM  The user of redis://HOST/0 may not read one of the keys.
                ► Allow the keys that the plans match: ACL SETUSER … %R~prefix* (or ~prefix* before Redis 7), from phase B on ~prefix* and ~kvmig:*."
    `)
  })

  test('down', async () => {
    expect(await apply('redis://127.0.0.1:1')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: SOURCE_REFUSED  redis://127.0.0.1:1/0 refused the connection.
             Is the server running, and is this its port?"
    `)
    await isUntouched()
  })

  test('a database number that the server does not have', async () => {
    expect(await apply(redis('', '/99'))).toMatchInlineSnapshot(`
      "exit 1
      kvmig: SOURCE_DATABASE  redis://HOST/99 has no database of that number.
             The number after the host is the database; most servers have 0 to 15, hosted ones often only 0."
    `)
    await isUntouched()
  })

  test('a database that is empty: nothing to copy is no success', async () => {
    expect(await apply(redis('', '/3'))).toMatchInlineSnapshot(`
      "exit 3
      customers  gate B: closed (coverage)
      orders     gate B: closed (coverage)

        ✗ fail  coverage  0 keys in kv: none. Nothing of it belongs to plan customers.  KV301
                expected Every key of the source has a rule, and every mapping of the plan finds keys.
                e.g. mapping customers: no key fits customer:{id:int}, mapping customers.2: no key fits client:{id:int}
                ► Is this the right source, and does match say what the keys look like?
        ✗ fail  coverage  0 keys in kv: none. Nothing of it belongs to plan orders.  KV301
                expected Every key of the source has a rule, and every mapping of the plan finds keys.
                e.g. mapping orders: no key fits order:{id}, mapping lines: no key fits order:{id}
                ► Is this the right source, and does match say what the keys look like?"
    `)
  })

  test('a backup that is not there', async () => {
    expect(await apply('rdb:./nope.rdb')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: SOURCE_FILE  rdb:./nope.rdb cannot be read: there is no such file (PROJECT/nope.rdb).
             Relative paths begin at the folder of the project file."
    `)
    await isUntouched()
  })

  test('a backup that was cut off', async () => {
    const whole = readFileSync(await shop.redis.save())
    writeFileSync(join(shop.project.path, 'cut.rdb'), whole.subarray(0, whole.length / 2))
    expect(
      (await apply('rdb:./cut.rdb')).replace(/\d+ bytes? |byte \d+|after \d+/g, (it) =>
        it.replace(/\d+/, 'N'),
      ),
    ).toMatchInlineSnapshot(`
      "exit 1
      kvmig: SOURCE_CORRUPT  rdb:./cut.rdb is damaged at byte N: N bytes should follow, and the file ends after N.
             Take the backup again, or copy it again and compare checksums."
    `)
    await isUntouched()
  })

  test('another one in the middle of a copy: its place means nothing there, so all of it is read', async () => {
    const expected = await undisturbed(shop)
    const killed = await shop.run(APPLY, database.url, { KVMIG_FAILPOINT: 'backfill.batch-committed:3' })
    expect(killed.signal).toBe('SIGKILL')
    const { rows } = await database.query(
      `select count(*)::int as places from kvmig.checkpoint where cursor <> 'end'`,
    )
    expect(rows).toEqual([{ places: 1 }])
    const other = await freshRedis()
    await fillShop(other.client)
    const ended = await shop.run(APPLY, database.url, { KV_URL: other.url })
    expect(ended.code).toBe(0)
    expect(await contents(database)).toEqual(expected)
    await other.stop()
  })

  test('another one after the copy: the gate says what is not of it', async () => {
    expect((await shop.run(APPLY, database.url)).code).toBe(0)
    const other = await freshRedis()
    await fillShop(other.client)
    await other.client.hset('customer:7', 'name', 'Somebody else')
    await other.client.del('order:1')
    expect(await apply(other.url)).toMatchInlineSnapshot(`
      "exit 3
      customers  gate B: closed (full)
      orders     gate B: closed (full)

        ✗ fail  full  customers 91 of 92 rows alike (1 different).  KV304
                expected Every row is there with the value that the source gives, and none that it does not give.
                e.g. customers: different customer:7
                ► kvmig diff lists every difference, kvmig trace KEY explains one. Where the source changed since the copy, only kvmig apply --phase=A --again helps: it copies what is new or different; rows whose key is gone leave with the catch-up of phase B (in a plan that stays in A with this), or with kvmig rollback and a new apply.
        ✗ fail  full  orders 1,067 of 1,067 rows alike (1 extra) and lines 2,372 of 2,372 rows alike (2 extra).  KV304
                expected Every row is there with the value that the source gives, and none that it does not give.
                e.g. orders: extra order:1, lines: extra order:1 index:0, lines: extra order:1 index:1
                ► kvmig diff lists every difference, kvmig trace KEY explains one. Where the source changed since the copy, only kvmig apply --phase=A --again helps: it copies what is new or different; rows whose key is gone leave with the catch-up of phase B (in a plan that stays in A with this), or with kvmig rollback and a new apply."
    `)
    await other.stop()
  })
})

describe('the target', () => {
  const apply = async (address: string, args = APPLY) => told(await shop.run(args, address))
  let role: string
  let asRole: string
  beforeEach(async () => {
    role = `r_${database.name.slice(-12)}`
    await database.query(`create role ${role} login`)
    asRole = at(database.url, (it) => {
      it.username = role
    })
    return async () => {
      await database.query(`drop owned by ${role} cascade; drop role ${role}`)
    }
  })

  test('its variable is not set', async () => {
    expect(await apply('')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: ENV_MISSING  migrations.yaml:3:9  The environment variable DATABASE_URL is not set.
             Set it, put it into .env, or give a default: \${DATABASE_URL:-…}."
    `)
  })

  test('down', async () => {
    const down = at(database.url, (it) => {
      it.port = '1'
    })
    expect(await apply(down)).toMatchInlineSnapshot(`
      "exit 1
      kvmig: CONNECTION_REFUSED  Nothing answers at postgres://127.0.0.1:1/DB: the connection was refused.
             Is Postgres running there, and is the port right?"
    `)
  })

  test('a host that does not exist', async () => {
    expect(await apply('postgres://db.invalid/app?sslmode=verify-full')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: HOST_NOT_FOUND  The host db.invalid was not found.
             Is its name spelled right?"
    `)
  })

  test('clear text to the internet', async () => {
    expect(await apply('postgres://user:pw@db.example.com/app?sslmode=disable')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: CLEAR_TEXT  kvmig does not send data in clear text to postgres://db.example.com:5432/app, over a public network.
             Write sslmode=verify-full."
    `)
  })

  test('an unknown database', async () => {
    const nope = at(database.url, (it) => {
      it.pathname = '/nope'
    })
    expect(await apply(nope)).toMatchInlineSnapshot(`
      "exit 1
      kvmig: DATABASE_MISSING  There is no database nope at postgres://HOST/nope.
             Create it (CREATE DATABASE), or correct the address."
    `)
  })

  test('a role that may not create the schema that kvmig remembers in', async () => {
    expect(await apply(asRole)).toMatchInlineSnapshot(`
      "exit 1
      kvmig: PERMISSION  kvmig keeps its memory in schema kvmig of database DB, and role ROLE may not create it.
             As the owner of the database, run: CREATE SCHEMA kvmig AUTHORIZATION ROLE;"
    `)
    await isUntouched()
  })

  test('a role that may not create tables', async () => {
    await database.query(
      `create schema kvmig authorization ${role}; revoke create on schema public from public`,
    )
    expect(await apply(asRole)).toMatchInlineSnapshot(`
      "exit 1
      customers  table customers: failed: PERMISSION  postgres://HOST/DB: ROLE may not do this: permission denied for schema public.
      orders     table lines: failed: PERMISSION  postgres://HOST/DB: ROLE may not do this: permission denied for schema public.
      orders     table orders: failed: PERMISSION  postgres://HOST/DB: ROLE may not do this: permission denied for schema public.

        ✗ failed   customers  + table        customers
                PERMISSION  postgres://HOST/DB: ROLE may not do this: permission denied for schema public.
                ► As the owner, run: GRANT USAGE, CREATE ON SCHEMA public TO ROLE;
        ✗ failed   orders     + table        lines
                PERMISSION  postgres://HOST/DB: ROLE may not do this: permission denied for schema public.
                ► As the owner, run: GRANT USAGE, CREATE ON SCHEMA public TO ROLE;
        ✗ failed   orders     + table        orders
                PERMISSION  postgres://HOST/DB: ROLE may not do this: permission denied for schema public.
                ► As the owner, run: GRANT USAGE, CREATE ON SCHEMA public TO ROLE;"
    `)
    await database.query(`grant usage, create on schema public to ${role}`)
    expect(await apply(asRole)).toBe('exit 0')
  })

  test('a role that may not write into the table of the application', async () => {
    const owned = await openShop(OWNED)
    await database.query(OWNED['schema.sql']!)
    await database.query(
      `create schema kvmig authorization ${role}; grant usage, create on schema public to ${role}; grant select on public.orders to ${role}`,
    )
    expect(told(await owned.run(APPLY, asRole))).toMatchInlineSnapshot(`
      "exit 1
      orders     table orders: failed: PERMISSION  ROLE may not do with table orders what a copy does.

        ✗ failed   orders     ? table     orders
                PERMISSION  ROLE may not do with table orders what a copy does.
                ► As its owner: GRANT INSERT, UPDATE, DELETE ON TABLE "public"."orders" TO "ROLE";"
    `)
    await owned.close()
  })

  test('a role that may only read', async () => {
    await database.query(`alter role ${role} set default_transaction_read_only = on`)
    expect(await apply(asRole)).toMatchInlineSnapshot(`
      "exit 1
      kvmig: READ_ONLY  postgres://HOST/DB does not take writes here: it is a replica, or default_transaction_read_only is on for this role.
             Use the address of the primary, and a role that may write."
    `)
    await isUntouched()
  })

  test('too many connections', async () => {
    await database.query(`alter role ${role} connection limit 0`)
    expect(await apply(asRole)).toMatchInlineSnapshot(`
      "exit 1
      kvmig: TOO_MANY_CONNECTIONS  postgres://HOST/DB takes no more connections.
             Close some, raise max_connections, or use the address of a pooler."
    `)
    await isUntouched()
  })

  test('a table that is there and that kvmig did not make', async () => {
    await database.query('create table public.orders (id text)')
    expect(await apply(database.url)).toMatchInlineSnapshot(`
      "exit 1
      orders     table orders: failed: TABLE_TAKEN  Table orders is there already, and kvmig did not make it.

        ✗ failed   orders     + table        orders
                TABLE_TAKEN  Table orders is there already, and kvmig did not make it.
                ► Name yours differently, or describe the existing table in a schema file (schema: schema.sql) instead of tables."
    `)
  })

  test('a table of the application that is not as its schema file says', async () => {
    const owned = await openShop(OWNED)
    await database.query(OWNED['schema.sql']!)
    await database.query(
      'alter table public.orders drop column note; alter table public.orders alter total type text; alter table public.orders add region text not null',
    )
    expect(told(await owned.run(APPLY, database.url))).toMatchInlineSnapshot(`
      "exit 1
      orders     table orders: failed: TABLE_DRIFT  Table orders is not as the schema file says: column total is text, not numeric(12,2); column note is not there; column region wants a value, and is not declared.

        ✗ failed   orders     ? table     orders
                TABLE_DRIFT  Table orders is not as the schema file says: column total is text, not numeric(12,2); column note is not there; column region wants a value, and is not declared.
                ► Run the application’s own migrations on this target first, or bring the schema file up to date."
    `)
    await owned.close()
  })

  test('a ledger that a newer kvmig wrote', async () => {
    await apply(database.url)
    await database.query('insert into kvmig.version (version) values (99)')
    for (const command of [APPLY, ['status'], ['check'], ['rollback', '--yes'], ['plan', '--live']]) {
      expect(await apply(database.url, command)).toMatch(
        /^exit 1\nkvmig: LEDGER_NEWER {2}A newer kvmig has been here: its ledger has version 99, this kvmig knows \d+\.\n {7}Use that version of kvmig, or a later one\.$/,
      )
    }
  })
})

describe('a server of its own', () => {
  let server: PostgresServer
  beforeAll(async () => {
    const rules = join(shop.project.path, 'pg_hba.conf')
    writeFileSync(rules, 'host all kvmig 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n', {
      mode: 0o644,
    })
    // The server may run as another user than the tests.
    chmodSync(shop.project.path, 0o755)
    server = await startPostgres({ configuration: [`hba_file=${rules}`] })
  })
  afterAll(() => server.stop())

  test('refuses a wrong password, and a missing one', async () => {
    const own = await freshDatabase(server.url)
    await own.query(`create role guarded login password 'right'`)
    const address = (password: string) =>
      at(own.url, (it) => {
        it.username = 'guarded'
        it.password = password
      })
    const say = async (password: string) =>
      told(await shop.run(APPLY, address(password))).replaceAll(own.name, 'DB')
    expect(await say('s3cret')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: LOGIN_REFUSED  postgres://HOST/DB refused the login of guarded: wrong role or password, or no entry for it in pg_hba.conf (28P01).
             Check user and password in the address; special characters in them have to be percent-encoded."
    `)
    expect(await say('')).toMatchInlineSnapshot(`
      "exit 1
      kvmig: LOGIN_REFUSED  postgres://HOST/DB asks for a password, and the address has none."
    `)
    await own.drop()
  })

  // Every write beyond the table's first page ends in /dev/full: the kernel's own "no space left on device".
  test.skipIf(!existsSync('/dev/full'))('runs out of disk; given room, the next run completes', async () => {
    const owned = await openShop(OWNED)
    const undisturbedOne = await freshDatabase(server.url)
    await undisturbedOne.query(OWNED['schema.sql']!)
    expect((await owned.run(APPLY, undisturbedOne.url)).code).toBe(0)
    const own = await freshDatabase(server.url)
    await own.query(OWNED['schema.sql']!)
    const { rows } = await own.query(
      `select current_setting('data_directory') || '/' || pg_relation_filepath('public.orders') as file`,
    )
    const file: string = rows[0].file
    const empty = readFileSync(file)
    unlinkSync(file)
    symlinkSync('/dev/full', file)
    const died = await owned.run(APPLY, own.url)
    expect(told(died).replaceAll(own.name, 'DB')).toMatchInlineSnapshot(`
      "exit 1
      customers  backfill customer:{id:int} ► customers: failed: DISK_FULL  postgres://HOST/DB has no space left. What was committed stays, and kvmig can go on from there.
      orders     backfill order:{id} ► lines: failed: DISK_FULL  postgres://HOST/DB has no space left. What was committed stays, and kvmig can go on from there.
      orders     backfill order:{id} ► orders: failed: DISK_FULL  postgres://HOST/DB has no space left. What was committed stays, and kvmig can go on from there.

        ✗ failed   customers  > backfill  customer:{id:int} ► customers
                DISK_FULL  postgres://HOST/DB has no space left. What was committed stays, and kvmig can go on from there.
                ► Make room on the server or raise its quota, then apply again.
        ✗ failed   orders     > backfill  order:{id} ► orders
                DISK_FULL  postgres://HOST/DB has no space left. What was committed stays, and kvmig can go on from there.
                ► Make room on the server or raise its quota, then apply again.
        ✗ failed   orders     > backfill  order:{id} ► lines
                DISK_FULL  postgres://HOST/DB has no space left. What was committed stays, and kvmig can go on from there.
                ► Make room on the server or raise its quota, then apply again."
    `)
    unlinkSync(file)
    writeFileSync(file, empty)
    chmodSync(file, 0o666)
    expect((await owned.run(APPLY, own.url)).code).toBe(0)
    expect(await contents(own)).toEqual(await contents(undisturbedOne))
    await owned.close()
  })
})

/** The shop, whose orders are a table of the application. */
const OWNED: Readonly<Record<string, string>> = {
  ...SHOP,
  'migrations.yaml': `${SHOP['migrations.yaml']}schema: schema.sql\n`,
  'schema.sql': `CREATE TABLE public.orders (id text PRIMARY KEY, customer bigint NOT NULL, total numeric(12,2) NOT NULL, note text);\n`,
  'plans/orders.yaml': SHOP['plans/orders.yaml']!.replace(/ {2}orders:\n( {4}.*\n)+/, ''),
}
