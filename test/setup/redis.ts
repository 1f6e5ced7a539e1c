import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { inject } from 'vitest'
import { endsWithTests } from './children.ts'
import { freePort } from './postgres-server.ts'

export interface FreshRedis {
  readonly url: string
  readonly port: number
  /** A client to seed and look with; bytes by its `…Buffer` methods. */
  readonly client: Redis
  /** Its working folder: `save()` writes `dump.rdb` there. */
  readonly folder: string
  /** Writes a backup and gives its path. */
  save(): Promise<string>
  /** Kills the server as a crash would. */
  kill(): Promise<void>
  /** Starts it again on the same port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** A Redis server of its own, without persistence unless `save()` is called. */
export async function freshRedis(
  options: { arguments?: readonly string[]; program?: string } = {},
): Promise<FreshRedis> {
  const program = options.program ?? inject('redisServer')
  const folder = mkdtempSync(join(tmpdir(), 'kvmig-redis-'))
  const port = await freePort()
  const fixed = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  let child: ChildProcess | undefined
  const client = new Redis({
    host: '127.0.0.1',
    port,
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    lazyConnect: true,
  })
  client.on('error', () => {})
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  const stop = async (): Promise<void> => {
    client.disconnect()
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }
  const start = async (): Promise<void> => {
    const started = spawn(program, ['--port', String(port), ...fixed, ...(options.arguments ?? [])], {
      stdio: ['ignore', 'pipe', 'ignore'],
      cwd: folder,
    })
    child = started
    endsWithTests(started)
    let log = ''
    started.stdout.on('data', (it) => {
      log = (log + it).slice(-2000)
    })
    const ended = once(started, 'exit').then(() => {
      throw new Error(`Redis did not start: ${log}`)
    })
    try {
      await Promise.race([client.ping(), ended])
    } catch (error) {
      await stop()
      throw error
    }
  }
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    client,
    folder,
    save: async () => {
      await client.save()
      return join(folder, 'dump.rdb')
    },
    kill,
    restart: start,
    stop,
  }
}
