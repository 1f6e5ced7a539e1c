import { resolve } from 'node:path'
import { SourceError } from '../../errors.ts'

/** Where a Redis is and how to get in. Holds the password: never to be printed; `label` is for people. */
export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly tls: boolean
  /** File with certificates to trust beside the system's (`?ca=./ca.pem`). */
  readonly authority: string | undefined
  /** `redis://127.0.0.1:6379/0`, without credentials. */
  readonly label: string
}

/**
 * Reads `redis://[user:password@]host[:port][/db][?ca=FILE]`; `rediss:` is TLS, and the server's certificate is always verified.
 * User and password are percent-encoded. Throws SourceError SOURCE_ADDRESS, which repeats nothing of the address.
 */
export function parseRedisAddress(address: string, root: string): RedisAddress {
  let url: URL
  try {
    url = new URL(address)
  } catch {
    throw unreadable('it is not a URL')
  }
  if (url.hostname === '') throw unreadable('it names no host')
  const database = /^\/?(\d{0,9})$/.exec(url.pathname)?.[1]
  if (database === undefined) throw unreadable('what follows the host is not a database number')
  if (url.hash !== '') throw unreadable('it holds a #')
  for (const name of url.searchParams.keys()) {
    if (name === 'db')
      throw unreadable('the database number belongs after the host, as in redis://host:6379/3')
    if (name !== 'ca') throw unreadable('the only option it may have is ca')
  }
  const tls = url.protocol === 'rediss:'
  const ca = url.searchParams.get('ca')
  const port = Number(url.port || 6379)
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    username: decoded(url.username) || undefined,
    password: decoded(url.password) || undefined,
    database: Number(database),
    tls,
    authority: ca === null ? undefined : resolve(root, ca),
    label: `${url.protocol}//${url.hostname}:${port}/${Number(database)}`,
  }
}

/** The number of the database behind an address; undefined for what is no Redis by its own protocol. */
export const databaseOf = (address: string): number | undefined =>
  /^rediss?:/.test(address) ? parseRedisAddress(address, '.').database : undefined

const unreadable = (why: string): SourceError =>
  new SourceError('SOURCE_ADDRESS', `The address of a Redis source cannot be read: ${why}.`, {
    hint: 'Write redis://user:password@host:6379/0 (rediss:// for TLS), with special characters in the password percent-encoded.',
  })

// A password copied from a console may hold a lone %, which is then meant literally.
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
