import { SourceError } from '../../errors.ts'
import { ProtocolError, ReplyError } from './resp.ts'

/**
 * Whatever went wrong at a Redis as a SourceError with a stable code and a sentence. Errors of clients and of Redis are not handed on as
 * causes: they hold commands, and with them passwords, keys and values.
 */
export function explain(label: string, error: unknown): SourceError {
  if (error instanceof SourceError) return error
  if (error instanceof ReplyError) return explainReply(label, error.text)
  if (error instanceof ProtocolError)
    return new SourceError('SOURCE_PROTOCOL', `${label} does not answer as a Redis does: ${error.message}.`, {
      hint: 'Is this the address of a Redis, and does it want TLS (rediss://) or none (redis://)?',
    })
  const { code, message } = error as { code?: unknown; message?: unknown }
  const system = typeof code === 'string' ? code : ''
  if (system === 'ERR_TLS_CERT_ALTNAME_INVALID' || /CERT|SIGNATURE|ISSUER/.test(system))
    return new SourceError(
      'SOURCE_TLS',
      `The certificate of ${label} cannot be trusted (${system}). It is always verified.`,
      { hint: 'Add ?ca=FILE with the certificate of its authority to the address, or mend the host name.' },
    )
  if (/^(ERR_SSL|EPROTO)/.test(system))
    return new SourceError('SOURCE_TLS', `${label} and kvmig cannot agree on TLS (${system}).`, {
      hint: 'Does this port speak TLS at all? Without TLS the address begins with redis://.',
    })
  const network = NETWORK[system]
  if (network) return new SourceError(network.code, network.say(label), { hint: network.hint })
  // What a client library throws about replies has Redis's line as its message.
  if (typeof message === 'string' && /^[A-Z]{2,} /.test(message)) return explainReply(label, message)
  return lost(label)
}

/** The connection ended while something was under way. */
export const lost = (label: string): SourceError =>
  new SourceError('SOURCE_LOST', `${label} closed the connection.`, {
    hint: 'Run the same again: it goes on.',
  })

/** Faults that a new connection, a little later, may cure. */
export const mayPass = (error: unknown): boolean => error instanceof SourceError && PASSING.has(error.code)

const PASSING: ReadonlySet<string> = new Set([
  'SOURCE_LOST',
  'SOURCE_TIMEOUT',
  'SOURCE_REFUSED',
  'SOURCE_UNREACHABLE',
  'SOURCE_LOADING',
  'SOURCE_BUSY',
])

interface Explanation {
  readonly code: string
  readonly say: (label: string) => string
  readonly hint: string
}

const REFUSED: Explanation = {
  code: 'SOURCE_REFUSED',
  say: (label) => `${label} refused the connection.`,
  hint: 'Is the server running, and is this its port?',
}
const UNREACHABLE: Explanation = {
  code: 'SOURCE_UNREACHABLE',
  say: (label) => `${label} cannot be reached from here.`,
  hint: 'Is it in a private network, or behind a firewall?',
}
const UNKNOWN_HOST: Explanation = {
  code: 'SOURCE_HOST',
  say: (label) => `The host of ${label} has no address: the name is unknown.`,
  hint: 'Check the host name.',
}
const TIMEOUT: Explanation = {
  code: 'SOURCE_TIMEOUT',
  say: (label) => `${label} did not answer in time.`,
  hint: 'Is it overloaded, is a firewall in between, or does only one side speak TLS (rediss://)?',
}
const NETWORK: Readonly<Record<string, Explanation>> = {
  ECONNREFUSED: REFUSED,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ENOTFOUND: UNKNOWN_HOST,
  EAI_AGAIN: UNKNOWN_HOST,
  ETIMEDOUT: TIMEOUT,
}

// In this order: Redis says ERR for many things, and only the text tells them apart.
const REPLIES: readonly (Explanation & { readonly when: RegExp })[] = [
  {
    when: /^WRONGPASS|^ERR invalid password/,
    code: 'SOURCE_AUTH',
    say: (label) => `${label} refused the user name or password.`,
    hint: 'Check the credentials in the address, and that special characters are percent-encoded.',
  },
  {
    when: /^NOAUTH/,
    code: 'SOURCE_AUTH',
    say: (label) => `${label} asks for a password, and the address has none.`,
    hint: 'Write redis://user:password@host:port/db.',
  },
  {
    when: /^DENIED/,
    code: 'SOURCE_AUTH',
    say: (label) =>
      `${label} is in protected mode: without a password it only takes connections from its own machine.`,
    hint: 'Give the server a password, and write it into the address.',
  },
  {
    when: /^LOADING/,
    code: 'SOURCE_LOADING',
    say: (label) => `${label} is still loading its data.`,
    hint: 'Run the same again when it has finished.',
  },
  {
    when: /^(BUSY|TRYAGAIN)/,
    code: 'SOURCE_BUSY',
    say: (label) => `${label} is busy running a script and answers nobody.`,
    hint: 'Run the same again when the script has ended.',
  },
  {
    when: /^ERR max number of clients/,
    code: 'SOURCE_BUSY',
    say: (label) => `${label} has no connection left for one more client.`,
    hint: 'Close some, or raise maxclients.',
  },
  {
    when: /^READONLY/,
    code: 'SOURCE_READONLY',
    say: (label) => `${label} is a read-only replica and refused a write.`,
    hint: 'Use the address of the primary.',
  },
  {
    when: /^(ERR |NOPERM |ACL failure in script: )?The user executing the script/,
    code: 'SOURCE_NOPERM',
    say: (label) => `The user of ${label} may not do in a script what a write needs.`,
    hint: 'From phase B on it writes: ACL SETUSER … ~prefix* ~kvmig:* +@read +@write +@transaction +@connection +eval +evalsha +info +time',
  },
  {
    when: /^MASTERDOWN/,
    code: 'SOURCE_STALE',
    say: (label) => `${label} is a replica that has lost its primary and does not serve old data.`,
    hint: 'Use the address of the primary.',
  },
  {
    when: /^OOM/,
    code: 'SOURCE_OOM',
    say: (label) => `${label} has no memory left (maxmemory) and refused the command.`,
    hint: 'Give it more memory, or free some.',
  },
  {
    when: /^(MOVED|ASK|CROSSSLOT|CLUSTERDOWN)|not allowed in cluster mode/,
    code: 'SOURCE_CLUSTER',
    say: (label) => `${label} is a node of a Redis Cluster, and was asked as if it were all of it.`,
    hint: 'Write redis+cluster://host:port; a cluster that says CLUSTERDOWN serves no keys at the moment.',
  },
  {
    when: /^ERR (DB index is out of range|invalid DB index)/,
    code: 'SOURCE_DATABASE',
    say: (label) => `${label} has no database of that number.`,
    hint: 'The number after the host is the database; most servers have 0 to 15, hosted ones often only 0.',
  },
]

function explainReply(label: string, line: string): SourceError {
  const text = line.replace(/^EXECABORT Transaction discarded because of: /, '').replace(IN_A_SCRIPT, '')
  if (text.startsWith('NOPERM')) return refused(label, text)
  const known = REPLIES.find(({ when }) => when.test(text))
  if (known) return new SourceError(known.code, known.say(label), { hint: known.hint })
  const missing = /^ERR unknown command ['`]?([a-zA-Z]+)/.exec(text)?.[1]
  if (missing)
    return new SourceError('SOURCE_COMMAND', `${label} does not know the command ${missing.toUpperCase()}.`, {
      hint: 'kvmig reads Redis 6 and newer; some providers and proxies leave commands out or rename them.',
    })
  // The line itself may quote arguments, so only its first word is repeated.
  const word = /^[A-Z]+/.exec(text)?.[0] ?? 'ERR'
  return new SourceError('SOURCE_REPLY', `${label} answered with an error (${word}).`)
}

/** How Redis before 7 begins what a command in a script was answered. */
const IN_A_SCRIPT = /^ERR Error running script \(call to \S+\): @user_script:\d+: (@user_script: \d+: )?-?/

/** What an ACL user needs so that kvmig can read with it. */
export const ACL_COMMANDS =
  '+scan +type +mget +get +hlen +hgetall +hscan +llen +lrange +scard +smembers +sscan +zcard +zrange +zscan +xlen +xrange +pexpiretime +pttl +time +multi +exec +watch +select +dbsize +info'

// NOPERM this user has no permissions to run the 'mget' command | … to access one of the keys used as arguments
function refused(label: string, text: string): SourceError {
  const command = /'([a-z|]+)' command/i.exec(text)?.[1]
  const what = command ? `run ${command.toUpperCase()}` : 'read one of the keys'
  return new SourceError('SOURCE_NOPERM', `The user of ${label} may not ${what}.`, {
    hint: command
      ? `Allow it: ACL SETUSER … +${command.toLowerCase()}. Reading needs ${ACL_COMMANDS}, and from Redis 7.4 on +hpexpiretime.`
      : 'Allow the keys that the plans match: ACL SETUSER … %R~prefix* (or ~prefix* before Redis 7), from phase B on ~prefix* and ~kvmig:*.',
  })
}
