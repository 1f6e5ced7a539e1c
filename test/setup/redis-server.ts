import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

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
  const cache = join(tmpdir(), `kvmig-redis-${process.getuid?.() ?? 0}`)
  const program = join(cache, 'redis-server')
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  const fetched = spawnSync('apt-get', ['download', 'redis-tools', 'libjemalloc2', 'liblzf1'], {
    cwd: cache,
    encoding: 'utf8',
  })
  if (fetched.status !== 0) {
    throw new Error(
      'The tests need a Redis: install it (Debian: apt-get install redis-server) or set KVMIG_TEST_REDIS_SERVER to a redis-server or valkey-server program.',
    )
  }
  for (const file of readdirSync(cache).filter((it) => it.endsWith('.deb')))
    execFileSync('dpkg', ['-x', file, '.'], { cwd: cache })
  // redis-check-rdb is the server under another name; the name it is called by decides what it does.
  copyFileSync(join(cache, 'usr/bin/redis-check-rdb'), join(cache, 'server'))
  const libraries = readdirSync(join(cache, 'usr/lib'))
    .map((it) => join(cache, 'usr/lib', it))
    .join(':')
  writeFileSync(
    program,
    `#!/bin/sh\nLD_LIBRARY_PATH='${libraries}' exec -a redis-server '${join(cache, 'server')}' "$@"\n`.replace(
      '#!/bin/sh',
      '#!/bin/bash',
    ),
    { mode: 0o755 },
  )
  return program
}
