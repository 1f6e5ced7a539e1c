import { SourceError } from '../errors.ts'

/**
 * What went wrong on the way to a store that is asked by HTTP, as a SourceError. `error` is what `fetch` or `node:http` rejected with; it is
 * not handed on, for it may hold the address.
 */
export function explainFault(label: string, error: unknown): SourceError {
  if (error instanceof SourceError) return error
  const { name, code, cause } = error as { name?: unknown; code?: unknown; cause?: unknown }
  const word = [code, (cause as { code?: unknown } | undefined)?.code].find((it) => typeof it === 'string') as
    | string
    | undefined
  if (name === 'TimeoutError' || (word !== undefined && /TIMEDOUT|_TIMEOUT$/.test(word)))
    return new SourceError('SOURCE_TIMEOUT', `${label} did not answer in time.`, {
      hint: 'Is it overloaded, or is a firewall in between? Run the same again: it goes on.',
    })
  if (word !== undefined && /CERT|SIGNATURE|ISSUER|^ERR_SSL|^EPROTO|^ERR_TLS/.test(word))
    return new SourceError(
      'SOURCE_TLS',
      `${label} cannot be talked to by TLS (${word}). The certificate is always verified.`,
      {
        hint: 'Is the host name right, and is a proxy in between? NODE_EXTRA_CA_CERTS=FILE trusts one more authority.',
      },
    )
  const known = word === undefined ? undefined : KNOWN[word]
  if (known) return new SourceError(known.code, `${label} ${known.says}.`, { hint: known.hint })
  return new SourceError('SOURCE_LOST', `${label} closed the connection.`, {
    hint: 'Run the same again: it goes on.',
  })
}

/** Faults that asking again, a little later, may cure. */
export const faultMayPass = (error: unknown): boolean =>
  error instanceof SourceError && PASSING.has(error.code)

const PASSING: ReadonlySet<string> = new Set([
  'SOURCE_LOST',
  'SOURCE_TIMEOUT',
  'SOURCE_REFUSED',
  'SOURCE_UNREACHABLE',
  'SOURCE_LOADING',
  'SOURCE_BUSY',
  'SOURCE_THROTTLED',
  'SOURCE_SERVER',
  'SOURCE_PROTOCOL',
])

interface Explanation {
  readonly code: string
  readonly says: string
  readonly hint: string
}

const UNREACHABLE: Explanation = {
  code: 'SOURCE_UNREACHABLE',
  says: 'cannot be reached from here',
  hint: 'Is it in a private network, or behind a firewall?',
}
const UNKNOWN_HOST: Explanation = {
  code: 'SOURCE_HOST',
  says: 'has a host name that nobody knows',
  hint: 'Check the host name.',
}
const KNOWN: Readonly<Record<string, Explanation>> = {
  ECONNREFUSED: {
    code: 'SOURCE_REFUSED',
    says: 'refused the connection',
    hint: 'Is the server running, and is this its port?',
  },
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ENOTFOUND: UNKNOWN_HOST,
  EAI_AGAIN: UNKNOWN_HOST,
}
