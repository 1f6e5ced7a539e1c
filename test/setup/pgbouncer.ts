import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { endsWithTests } from './children.ts'
import { unpackDebian } from './debian.ts'
import { freePort, unprivileged } from './postgres-server.ts'

export interface Pooler {
  /** The database behind it, by way of the pooler. */
  readonly url: string
  stop(): Promise<void>
}

/** A PgBouncer in transaction mode in front of one database, with as few server connections as it can do with: clients do share them. */
export async function startPgBouncer(
  database: string,
  options: { serverConnections?: number } = {},
): Promise<Pooler> {
  const { program, libraries } = findPgBouncer()
  const { hostname, port, pathname, username } = new URL(database)
  const folder = mkdtempSync(join(tmpdir(), 'kvmig-pgbouncer-'))
  const own = await freePort()
  const owner = unprivileged()
  const users = join(folder, 'users.txt')
  const configuration = join(folder, 'pgbouncer.ini')
  writeFileSync(users, `"${username}" ""\n`)
  writeFileSync(
    configuration,
    [
      '[databases]',
      `* = host=${hostname} port=${port} user=${username}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${own}`,
      'unix_socket_dir =',
      'auth_type = trust',
      `auth_file = ${users}`,
      'pool_mode = transaction',
      `default_pool_size = ${options.serverConnections ?? 2}`,
      'max_client_conn = 200',
    ].join('\n'),
  )
  if (owner) for (const path of [folder, users, configuration]) chownSync(path, owner.uid, owner.gid)
  const child = spawn(program, [configuration], {
    ...owner,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(libraries ? { env: { ...process.env, LD_LIBRARY_PATH: libraries } } : {}),
  })
  endsWithTests(child)
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
    rmSync(folder, { recursive: true, force: true })
  }
  const url = `postgres://${username}@127.0.0.1:${own}${pathname}`
  try {
    await answers(url, child)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, stop }
}

/** Where it is installed, else Debian's package unpacked into a cache folder. */
function findPgBouncer(): { readonly program: string; readonly libraries?: string } {
  const given = process.env.KVMIG_TEST_PGBOUNCER
  const program =
    given ??
    ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'].find((it) => existsSync(it))
  if (program) return { program }
  const unpacked = unpackDebian(['pgbouncer'])
  if (!unpacked) {
    throw new Error(
      'These tests need PgBouncer: install it (Debian: apt-get install pgbouncer) or set KVMIG_TEST_PGBOUNCER to its program.',
    )
  }
  // As root it runs as another user, who has to come by it.
  chmodSync(unpacked.folder, 0o755)
  return { program: join(unpacked.folder, 'usr/sbin/pgbouncer'), libraries: unpacked.libraries }
}

async function answers(url: string, child: ChildProcess): Promise<void> {
  let log = ''
  child.stderr?.on('data', (chunk) => {
    log = (log + chunk).slice(-4000)
  })
  const deadline = Date.now() + 20_000
  for (;;) {
    if (child.exitCode !== null) throw new Error(`PgBouncer did not start: ${log}`)
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`PgBouncer did not answer: ${log}`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
