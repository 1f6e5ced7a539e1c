import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ended, kvmig, projectFolder, ran } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type PostgresServer, startPostgres } from '../setup/postgres-server.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { Canaries, fillWithSecrets, SECRET_PROJECT } from './secrets.ts'

/** Some hundred runs, on a small machine. */
const LONG = 600_000

const canaries = new Canaries()
const kvPassword = canaries.plant((it) => `${it}/%&`)
const dbPassword = canaries.plant((it) => `${it}@:#`)

let redis: FreshRedis
let server: PostgresServer
let database: FreshDatabase
let project: { path: string; remove(): void }
let target: string
let source: string
beforeAll(async () => {
  project = projectFolder({ ...SECRET_PROJECT, '.env': `UNRELATED_TOKEN=${canaries.plant()}\n` })
  const rules = join(project.path, 'pg_hba.conf')
  writeFileSync(rules, 'host all kvmig 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n')
  chmodSync(project.path, 0o755)
  server = await startPostgres({ configuration: [`hba_file=${rules}`] })
  database = await freshDatabase(server.url)
  await database.query(
    `create role app login createrole password '${dbPassword}'; alter database ${database.name} owner to app; grant all on schema public to app`,
  )
  await database.query(
    `${SECRET_PROJECT['schema.sql']} insert into public.teams values ('red'); alter table public.people owner to app; alter table public.teams owner to app`,
  )
  const address = new URL(database.url)
  address.username = 'app'
  address.password = encodeURIComponent(dbPassword)
  target = address.href
  redis = await freshRedis()
  await redis.client.call('ACL', 'SETUSER', 'app', 'on', `>${kvPassword}`, '~*', '+@all')
  source = `redis://app:${encodeURIComponent(kvPassword)}@127.0.0.1:${redis.port}`
  await fillWithSecrets(redis.client, canaries)
})
afterAll(async () => {
  await redis.stop()
  await server.stop()
  project.remove()
})

/** Commands, with their options, that had a process of their own. */
const started = new Set<string>()
/** Everything that was printed, by what printed it. */
const printed = new Map<string, string>()

/**
 * A run, in a process of its own the first time that a command is given: there, what goes past the program's own output shows too. The
 * others are many, and run in this process.
 */
async function run(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<string> {
  const environment = {
    KV_URL: source,
    DATABASE_URL: target,
    KVMIG_DEBUG: '1',
    DEBUG: '*',
    SECRET_KEY: canaries.words[2]!,
    ...more,
  }
  const command = [args[0], ...args.filter((it) => it.startsWith('--')), ...Object.keys(more)].join(' ')
  const isFirst = !started.has(command)
  started.add(command)
  const ended: Ended = isFirst
    ? await kvmig(project.path, args, environment).ended
    : await ran(project.path, args, environment)
  const text = `exit ${ended.code}\n${ended.stdout}\n${ended.stderr}`
  printed.set(`${printed.size} ${args.join(' ')} ${Object.keys(more).join(' ')}`, text)
  return text
}

/** A few at a time: each is a process of its own. */
async function sideBySide<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items]
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all([lane(), lane(), lane(), lane()])
}

test('at least 40 secrets were planted, and one that is printed would be found in any spelling', () => {
  expect(canaries.words.length).toBeGreaterThanOrEqual(40)
  const [word] = canaries.words as [string]
  const spellings = [
    word,
    word.toUpperCase(),
    Buffer.from(word).toString('hex'),
    ...['', 'a', 'ab'].map((it) => Buffer.from(it + word + it).toString('base64')),
  ]
  for (const it of spellings) expect(canaries.in(`… ${it} …`)).toEqual([word])
})

test(
  'no command prints a value or a password, whatever becomes of the data',
  async () => {
    await run(['plan', '--out', 'saved.plan'])
    await sideBySide(
      ['text', 'json', 'md', 'github'].flatMap((format) => [
        ['plan', '--format', format],
        ['plan', '--live', '--format', format],
        ['graph'],
      ]),
      (args) => run(args),
    )
    // A trigger of the application that quotes what it refuses.
    await database.query(`create function public.scream() returns trigger language plpgsql as $$ begin raise exception 'no: %', new; end $$;
    create trigger scream before insert on public.people for each row execute function public.scream()`)
    expect(await run(['apply', '--phase=A'])).toMatch(/failed: SERVER/)
    await database.query('drop trigger scream on public.people')
    expect(await run(['apply', '--phase=A', '--json'])).toMatch(/^exit 3/)
    await run(['apply', '--phase=A', '--again'])
    const { rows } = await database.query('select distinct code from kvmig.quarantine order by 1')
    expect(rows.length).toBeGreaterThan(10)
    const keys = (await redis.client.keys('*')).toSorted()
    for (const json of [[], ['--json']]) {
      await run(['retry', ...json])
      const looks = ['check', 'status', 'diff', 'inspect', 'test'].map((it) => [it, ...json])
      const traces = keys.filter((_, index) => index % 4 === json.length).map((it) => ['trace', it, ...json])
      await sideBySide([...looks, ...traces], (args) => run(args))
    }
    await redis.client.hset(
      'person:fine',
      'email',
      canaries.plant((it) => `${it}@b`),
    )
    expect(await run(['diff', '--out', 'differences.ndjson'])).toMatch(/^exit 3/)
    await run(['accept', 'people', '--because', 'they left'])
    await run(['rollback', 'docs'])
    await run(['apply', '--phase=A', 'saved.plan'])
    for (const [what, text] of printed)
      expect({ what, found: canaries.in(text) }).toEqual({ what, found: [] })
  },
  LONG,
)

test(
  'nor when a store fails',
  async () => {
    const before = printed.size
    const wrong = canaries.plant()
    const failures: readonly Readonly<Record<string, string>>[] = [
      { KV_URL: source.replace('app:', `app:${wrong}`) },
      { KV_URL: source.replace('redis:', 'rediss:') },
      { KV_URL: `redis://app:${wrong}@127.0.0.1:1` },
      { KV_URL: `redis://app:${wrong}@[bad` },
      { KV_URL: `${wrong}://x` },
      { KV_URL: `rdb:./${'x'.repeat(300)}` },
      { DATABASE_URL: target.replace('app:', `app:${wrong}`) },
      { DATABASE_URL: `${target}?sslmode=verify-full` },
      { DATABASE_URL: `postgres://app:${wrong}@127.0.0.1:1/x` },
      { DATABASE_URL: `postgres://app:${wrong}@[bad/x` },
      { DATABASE_URL: `postgres://app:${wrong}@db.example.com/x?sslmode=disable` },
      { DATABASE_URL: `mysql://app:${wrong}@127.0.0.1/x` },
      { DATABASE_URL: `${target}?options=${wrong}` },
      { DATABASE_URL: `${target}?sslmode=${wrong}` },
    ]
    const commands = [['apply', '--phase=A'], ['plan', '--live', '--json'], ['diff']]
    await sideBySide(
      failures.flatMap((failure) => commands.map((command) => ({ failure, command }))),
      async ({ failure, command }) => {
        const text = await run(command, failure)
        expect(text).not.toMatch(/^exit 0/)
        expect(text).toMatch(/kvmig: [A-Z_]+ {2}\S/)
        expect(text).not.toContain('UNEXPECTED')
      },
    )
    for (const [what, text] of [...printed].slice(before))
      expect({ what, found: canaries.in(text) }).toEqual({ what, found: [] })
  },
  LONG,
)

test('what kvmig remembers in the database holds none', async () => {
  const { rows: tables } = await database.query(
    `select relname from pg_class where relnamespace = 'kvmig'::regnamespace and relkind = 'r'`,
  )
  expect(tables.length).toBeGreaterThan(8)
  for (const { relname } of tables) {
    const { rows } = await database.query(`select t::text as line from kvmig.${relname} t`)
    for (const { line } of rows) expect({ relname, found: canaries.in(line) }).toEqual({ relname, found: [] })
  }
  const { rows } = await database.query('select count(*)::int as n from public.docs')
  expect(rows[0].n).toBeGreaterThan(0)
})

test('nor do the files that it wrote', () => {
  const files = readdirSync(project.path, { recursive: true, encoding: 'utf8' })
    .filter((it) => statSync(join(project.path, it)).isFile())
    .filter((it) => !(it in SECRET_PROJECT) && it !== '.env')
  expect(files).toEqual(
    expect.arrayContaining([
      'saved.plan',
      'differences.ndjson',
      expect.stringContaining('.kvmig/cache/proof-'),
    ]),
  )
  for (const file of files)
    expect({ file, found: canaries.in(readFileSync(join(project.path, file))) }).toEqual({ file, found: [] })
})
