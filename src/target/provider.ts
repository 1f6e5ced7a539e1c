/** Who runs a Postgres, and by which of its doors one came in: as far as host and port tell. */
export interface Provider {
  readonly name: 'neon' | 'supabase' | 'railway'
  readonly title: string
  /** `direct`: a server connection of one's own; `session`: a pooler that lends one for as long as one stays; `transaction`: for a transaction at a time. */
  readonly door: 'direct' | 'session' | 'transaction'
  /** What follows from the door, and which other one there is: sentences. */
  readonly says: string
  /** A server that stops when nobody asks for it, and takes a moment to come back. */
  readonly sleeps: boolean
}

/** Undefined for a server of one's own, and for what cannot be told from outside. */
export function providerOf(host: string, port: number): Provider | undefined {
  const name = host.toLowerCase()
  return neon(name) ?? supabase(name, port) ?? railway(name)
}

/** What holds behind any transaction pooler. */
export const BEHIND_A_POOLER =
  'Copying works, since kvmig keeps no session state; LISTEN does not reach through, so a change of route is noticed by polling.'

// https://neon.com/docs/connect/connection-pooling: the pooled host is the direct one with -pooler behind the endpoint's name.
function neon(host: string): Provider | undefined {
  if (!/(^|\.)neon\.(tech|build)$/.test(host)) return undefined
  const [endpoint = '', ...rest] = host.split('.')
  const base = { name: 'neon', title: 'Neon', sleeps: true } as const
  if (!endpoint.endsWith('-pooler')) {
    return {
      ...base,
      door: 'direct',
      says: 'A session is one’s own, and LISTEN works. The server sleeps after some minutes without work; kvmig waits for it at the first connection.',
    }
  }
  const direct = [endpoint.slice(0, -'-pooler'.length), ...rest].join('.')
  return {
    ...base,
    door: 'transaction',
    says: `${BEHIND_A_POOLER} The direct host is ${direct}: better for apply, where an index on a large table may take longer than the pooler waits.`,
  }
}

// https://supabase.com/docs/guides/database/connecting-to-postgres
function supabase(host: string, port: number): Provider | undefined {
  const base = { name: 'supabase', title: 'Supabase', sleeps: false } as const
  if (host.endsWith('.pooler.supabase.com')) {
    if (port === 6543) {
      return {
        ...base,
        door: 'transaction',
        says: `${BEHIND_A_POOLER} Port 5432 of the same host lends a session: better for apply.`,
      }
    }
    return {
      ...base,
      door: 'session',
      says: 'A session is lent for as long as it is open, over IPv4 too, so that it suits CI. Each connection takes one of the pool.',
    }
  }
  if (!/^db\.[^.]+\.supabase\.(co|com)$/.test(host)) return undefined
  if (port === 6543) {
    return {
      ...base,
      door: 'transaction',
      says: `${BEHIND_A_POOLER} Port 5432 of the same host is the server itself.`,
    }
  }
  return {
    ...base,
    door: 'direct',
    says: 'A session is one’s own, and LISTEN works. This host answers over IPv6 only, unless the project has the IPv4 add-on: from CI use the session pooler.',
  }
}

// https://docs.railway.com/guides/postgresql: a TCP proxy in public, a name of its own within the project.
function railway(host: string): Provider | undefined {
  const base = { name: 'railway', title: 'Railway', door: 'direct', sleeps: true } as const
  if (host.endsWith('.proxy.rlwy.net') || /\.railway\.app$/.test(host)) {
    return {
      ...base,
      says: 'A session is one’s own, and LISTEN works. This is the public proxy, whose traffic is billed: from inside Railway use the private address (….railway.internal).',
    }
  }
  if (!host.endsWith('.railway.internal')) return undefined
  return {
    ...base,
    says: 'A session is one’s own, and LISTEN works. This address is only reached from inside Railway.',
  }
}
