import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unpackDebian } from './debian.ts'

/**
 * The server's program: KVMIG_TEST_REDIS_SERVER, else redis-server or valkey-server on the PATH, else Debian's packages unpacked into a
 * cache folder, which needs neither root nor an installation.
 */
export function findRedis(): string {
  const given = process.env.KVMIG_TEST_REDIS_SERVER
  if (given) return given
  for (const program of ['redis-server', 'valkey-server']) {
    for (const folder of [...(process.env.PATH ?? '').split(':'), '/usr/bin', '/usr/local/bin']) {
      if (folder && existsSync(join(folder, program))) return join(folder, program)
    }
  }
  return unpackedRedis()
}

function unpackedRedis(): string {
  const unpacked = unpackDebian(['redis-tools'])
  if (!unpacked) {
    throw new Error(
      'The tests need a Redis: install it (Debian: apt-get install redis-server) or set KVMIG_TEST_REDIS_SERVER to a redis-server or valkey-server program.',
    )
  }
  const { folder, libraries } = unpacked
  const program = join(folder, 'redis-server')
  if (existsSync(program)) return program
  // redis-check-rdb is the server under another name; the name it is called by decides what it does.
  const server = join(folder, 'usr/bin/redis-check-rdb')
  writeFileSync(
    `${program}-${process.pid}`,
    `#!/bin/bash\nLD_LIBRARY_PATH='${libraries}' exec -a redis-server '${server}' "$@"\n`,
    { mode: 0o755 },
  )
  renameSync(`${program}-${process.pid}`, program)
  return program
}
