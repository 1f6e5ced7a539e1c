// Servers of the bench's own, gone when it ends.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A Redis that saves only when told: `{ port, url, pid, folder, stop }`. */
export async function startRedis() {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'kvmig-bench-redis-'))
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--save', '', '--appendonly', 'no', '--dir', folder],
    { stdio: 'ignore' },
  )
  await reachable(port)
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    folder,
    stop: () => stop(child, 'SIGKILL', folder),
  }
}

/** A Postgres with its usual durability, so that COPY costs what it costs: `{ port, url, psql, pid, stop }`. */
export async function startPostgres() {
  const bin = postgresBin()
  const folder = mkdtempSync(join(tmpdir(), 'kvmig-bench-pg-'))
  const data = join(folder, 'data')
  mkdirSync(data)
  const owner = unprivileged()
  if (owner) for (const path of [folder, data]) chownSync(path, owner.uid, owner.gid)
  const made = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'kvmig', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
    { ...owner, cwd: folder },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)
  const port = await freePort()
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'shared_buffers=512MB',
    'max_wal_size=8GB',
    'checkpoint_timeout=1h',
  ]
  const child = spawn(join(bin, 'postgres'), ['-D', data, ...settings.flatMap((it) => ['-c', it])], {
    ...owner,
    cwd: folder,
    stdio: 'ignore',
  })
  await reachable(port)
  const url = `postgres://kvmig@127.0.0.1:${port}/postgres`
  const psql = (sql, flags = []) =>
    execFileSync(join(bin, 'psql'), ['-X', '-q', ...flags, '-v', 'ON_ERROR_STOP=1', '-d', url, '-c', sql], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PGOPTIONS: '-c client_min_messages=warning' },
    })
  for (let tries = 0; ; tries++) {
    try {
      psql('select 1')
      break
    } catch (error) {
      if (tries === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  return {
    port,
    url,
    psql,
    psqlProgram: join(bin, 'psql'),
    pid: child.pid,
    stop: () => stop(child, 'SIGQUIT', folder),
  }
}

function postgresBin() {
  const versions = '/usr/lib/postgresql'
  const newest = existsSync(versions) && readdirSync(versions).sort((a, b) => Number(b) - Number(a))[0]
  if (newest) return join(versions, newest, 'bin')
  throw new Error('The bench needs a Postgres server and psql (Debian: apt-get install postgresql).')
}

export function unprivileged() {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

export async function reachable(port) {
  for (let tries = 0; tries < 600; tries++) {
    const socket = createConnection(port, '127.0.0.1')
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`nothing answers at port ${port}`)
}

export async function stop(child, signal, folder) {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }
  rmSync(folder, { recursive: true, force: true })
}
