// A PgBouncer in transaction mode, where the system has one.
import { spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, reachable, stop, unprivileged } from './servers.mjs'

const PROGRAM = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'].find((it) =>
  existsSync(it),
)

/** Why there can be none; undefined: there can. */
export const missingPooler = PROGRAM
  ? undefined
  : 'PgBouncer is not installed (Debian: apt-get install pgbouncer)'

/** In front of one Postgres, with fewer connections to it than clients may have: `{ url, pid, stop }`. */
export async function startPooler(postgres) {
  const { hostname, port, pathname, username } = new URL(postgres.url)
  const folder = mkdtempSync(join(tmpdir(), 'kvmig-bench-pooler-'))
  const own = await freePort()
  const users = join(folder, 'users.txt')
  const settings = join(folder, 'pgbouncer.ini')
  writeFileSync(users, `"${username}" ""\n`)
  writeFileSync(
    settings,
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
      'default_pool_size = 4',
      'max_client_conn = 200',
    ].join('\n'),
  )
  const owner = unprivileged()
  if (owner) for (const path of [folder, users, settings]) chownSync(path, owner.uid, owner.gid)
  const child = spawn(PROGRAM, [settings], { ...owner, cwd: folder, stdio: 'ignore' })
  await reachable(own)
  return {
    url: `postgres://${username}@127.0.0.1:${own}${pathname}`,
    pid: child.pid,
    stop: () => stop(child, 'SIGKILL', folder),
  }
}
