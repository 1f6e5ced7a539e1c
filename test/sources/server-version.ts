import { execFileSync } from 'node:child_process'
import { inject } from 'vitest'

const words = (): readonly string[] =>
  /^(\w+).*? v=(\d+)\.(\d+)/
    .exec(execFileSync(inject('redisServer'), ['--version'], { encoding: 'utf8' }))
    ?.slice(1) ?? []

/** What the tests run against: `Redis 7.0`. */
export const serverVersion = (): string =>
  words()
    .join(' ')
    .replace(/ (\d+)$/, '.$1')

/** Can single fields of a hash expire there? Since Redis 7.4, and Valkey 9. */
export function hasFieldExpiry(): boolean {
  const [name = '', major, minor] = words()
  return /valkey/i.test(name) ? Number(major) >= 9 : Number(major) * 100 + Number(minor) >= 704
}

/** Is it older than Redis 7.0? It knows neither PEXPIRETIME nor some arguments that tests begin a server with. */
export const isBeforeSeven = (): boolean => {
  const [name = '', major] = words()
  return /redis/i.test(name) && Number(major) < 7
}
