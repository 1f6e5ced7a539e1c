import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { TargetError } from '../errors.ts'

/**
 * How to protect a connection, by libpq's `sslmode`; without one, a public host gets verify-full and a private one clear text. Throws
 * `TargetError` for clear text to a public host unless `insecure`, and where the environment switches verification off for everything.
 */
export function tlsOf(
  parameters: URLSearchParams,
  place: { readonly host: string; readonly label: string; readonly root: string; readonly insecure: boolean },
): { readonly ssl: false | ConnectionOptions; readonly unverified: boolean } {
  const { host, label, root, insecure } = place
  const mode = parameters.get('sslmode') ?? (isLocal(host) ? 'disable' : 'verify-full')
  if (mode === 'disable' || ((mode === 'prefer' || mode === 'allow') && isLocal(host))) {
    if (isLocal(host) || insecure) return { ssl: false, unverified: false }
    throw new TargetError(
      'CLEAR_TEXT',
      `kvmig does not send data in clear text to ${label}, over a public network.`,
      {
        hint: 'Write sslmode=verify-full.',
      },
    )
  }
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    throw new TargetError('TLS', 'NODE_TLS_REJECT_UNAUTHORIZED=0 switches every check of certificates off.', {
      hint: 'Unset it. A private authority is named with sslrootcert=FILE.',
    })
  }
  const file = (name: string): string | undefined => {
    const path = parameters.get(name)
    return path === null || path === 'system' ? undefined : readFile(resolve(root, path), name)
  }
  const [ca, cert, key] = [file('sslrootcert'), file('sslcert'), file('sslkey')]
  const files = { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) }
  // With an authority of one's own, any certificate it gave is good enough for these modes.
  const byAuthority = { ...files, rejectUnauthorized: true, checkServerIdentity: () => undefined }
  switch (mode) {
    case 'verify-full':
      return { ssl: { ...files, rejectUnauthorized: true }, unverified: false }
    case 'verify-ca':
      return { ssl: ca ? byAuthority : { ...files, rejectUnauthorized: true }, unverified: false }
    // As libpq: encrypted, and with a root certificate also checked.
    case 'allow':
    case 'prefer':
    case 'require':
      if (ca) return { ssl: byAuthority, unverified: false }
      return { ssl: { ...files, rejectUnauthorized: false }, unverified: true }
    case 'no-verify':
      return { ssl: { ...files, rejectUnauthorized: false }, unverified: true }
    default:
      throw new TargetError('ADDRESS', 'The sslmode in the address is none that there is.', {
        hint: 'One of disable, require, verify-ca, verify-full.',
      })
  }
}

/** This machine. */
export const isLoopback = (host: string): boolean =>
  host.startsWith('/') ||
  host === 'localhost' ||
  host === '::1' ||
  (isIP(host) === 4 && host.startsWith('127.'))

/** This machine or a network that is not the internet, as far as the name tells. */
export function isLocal(host: string): boolean {
  if (isLoopback(host)) return true
  if (isIP(host) === 4)
    return /^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(
      host,
    )
  if (isIP(host) === 6) return /^f[cd]|^fe[89ab]/i.test(host)
  return !host.includes('.') || /\.(internal|local|localhost|lan|home\.arpa|flycast)$/i.test(host)
}

function readFile(path: string, parameter: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new TargetError('TLS', `The file that ${parameter} names cannot be read: ${path}.`, { cause })
  }
}
