import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { inject } from 'vitest'
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
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    child = spawn(
      program,
      [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--save',
        '',
        '--appendonly',
        'no',
        '--dir',
        folder,
        ...(options.arguments ?? []),
      ],
      { stdio: 'ignore', cwd: folder },
    )
  }
  await start()
  const client = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 20, maxRetriesPerRequest: null })
  client.on('error', () => {})
  await Promise.race([client.ping(), endOf(child!, program)]).catch((error) => {
    client.disconnect()
    throw error
  })
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
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
    restart: async () => {
      await start()
      await client.ping()
    },
    stop: async () => {
      client.disconnect()
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

// A server that knows an argument of ours not, says so and ends.
const endOf = (child: ChildProcess, program: string): Promise<never> =>
  new Promise((_, reject) => {
    child.once('exit', (code) => reject(new Error(`${program} ended with ${code} when it was started.`)))
    child.once('error', reject)
  })
