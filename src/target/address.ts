import { resolve } from 'node:path'
import type pg from 'pg'
import { TargetError } from '../errors.ts'
import { type Provider, providerOf } from './provider.ts'
import { isLocal, isLoopback, tlsOf } from './transport.ts'

export type TargetAddress = PostgresAddress | PgliteAddress

export interface PostgresAddress {
  readonly kind: 'postgres'
  /** `postgres://host:5432/app`: no user, no password. */
  readonly label: string
  readonly host: string
  readonly user: string | undefined
  readonly database: string | undefined
  readonly config: pg.ClientConfig
  /** The address looks like that of a transaction pooler. */
  readonly pooler: boolean
  /** Who runs it, as far as the host tells. */
  readonly provider: Provider | undefined
  /** TLS without asking who answers. */
  readonly unverified: boolean
  readonly warnings: readonly string[]
}

export interface PgliteAddress {
  readonly kind: 'pglite'
  readonly label: string
  /** Undefined: in memory. */
  readonly folder: string | undefined
}

/**
 * Reads `postgres://…`, `postgresql://…`, `pglite:./folder`, `pglite:memory`. Throws `TargetError` for what is none of these, and for
 * clear text over a public network unless `insecure`. No message repeats the address: it may hold a password.
 */
export function readAddress(
  address: string,
  { root, insecure }: { readonly root: string; readonly insecure: boolean },
): TargetAddress {
  if (address.startsWith('pglite:')) return readPglite(address.slice('pglite:'.length), root)
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (!url || (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')) {
    throw new TargetError('ADDRESS', 'The address of the target is not one that kvmig understands.', {
      hint: 'Write postgres://user:password@host:5432/database or pglite:./folder; special characters in a password have to be percent-encoded.',
    })
  }
  return readPostgres(url, root, insecure)
}

function readPglite(path: string, root: string): PgliteAddress {
  if (path === 'memory' || path === '//memory')
    return { kind: 'pglite', label: 'pglite:memory', folder: undefined }
  if (path === '') {
    throw new TargetError('ADDRESS', 'The address pglite: names no folder.', {
      hint: 'Write pglite:./folder or pglite:memory.',
    })
  }
  return { kind: 'pglite', label: `pglite:${path}`, folder: resolve(root, path) }
}

function readPostgres(url: URL, root: string, insecure: boolean): PostgresAddress {
  const parameters = url.searchParams
  // libpq's way to name a folder with a socket.
  const host = decode(parameters.get('host') ?? url.hostname).replace(/^\[(.+)\]$/, '$1') || 'localhost'
  const port = Number(parameters.get('port') ?? (url.port || 5432))
  const user = decode(parameters.get('user') ?? url.username) || undefined
  const database = decode(url.pathname.slice(1)) || undefined
  const password = decode(url.password) || parameters.get('password') || undefined
  const label = `postgres://${host.includes(':') ? `[${host}]` : host}:${port}${database ? `/${database}` : ''}`
  const { ssl, unverified } = tlsOf(parameters, { host, label, root, insecure })
  const options = parameters.get('options')
  const clear = ssl === false && !isLoopback(host)
  const provider = providerOf(host, port)
  return {
    kind: 'postgres',
    label,
    host,
    user,
    database,
    config: {
      host,
      port,
      ...(user ? { user } : {}),
      ...(database ? { database } : {}),
      ...(password ? { password } : {}),
      ssl,
      application_name: parameters.get('application_name') ?? 'kvmig',
      ...(options ? { options } : {}),
      ...(/^(require|prefer)$/.test(parameters.get('channel_binding') ?? '')
        ? { enableChannelBinding: true }
        : {}),
    },
    pooler:
      provider?.door === 'transaction' ||
      /-pooler\./.test(host) ||
      port === 6543 ||
      parameters.get('pgbouncer') === 'true',
    provider,
    unverified,
    warnings: clear
      ? [
          `${label}: clear text over ${isLocal(host) ? 'a private' : 'a public'} network; sslmode=verify-full would protect it.`,
        ]
      : [],
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new TargetError('ADDRESS', 'The address of the target holds a % that encodes nothing.', {
      hint: 'Write a % in a user name or password as %25.',
    })
  }
}
