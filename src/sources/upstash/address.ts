import { SourceError } from '../../errors.ts'

/** Where an Upstash database is and how to get in. Holds the token: never to be printed; `label` is for people. */
export interface UpstashAddress {
  /** Without a slash at the end. */
  readonly url: string
  readonly host: string
  readonly token: string
  /** `https://calm-cat-1.upstash.io`. */
  readonly label: string
}

type Variables = Readonly<Record<string, string | undefined>>

/** Names under which Upstash, and Vercel for its KV, hand out the address and the token. */
const PAIRS = [
  ['UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN'],
  ['KV_REST_API_URL', 'KV_REST_API_TOKEN'],
] as const

/**
 * Reads `https://HOST`, `https://:TOKEN@HOST`, or `upstash:`, for which the environment has both. A token that is not in the address comes
 * from the option `token` or from the environment: of the pair whose address is of the same host, or that has no address. So a token is
 * never sent to a host it was not made for. Throws SourceError SOURCE_ADDRESS, which repeats nothing of the address.
 */
export function parseUpstashAddress(
  address: string,
  variables: Variables,
  options: Readonly<Record<string, string>> = {},
): UpstashAddress {
  const url = parseUrl(address, variables)
  const token = options.token || decoded(url.password) || tokenOf(url.host, variables)
  if (token === undefined)
    throw new SourceError('SOURCE_AUTH', `There is no token for ${url.protocol}//${url.host}.`, {
      hint: `Set ${PAIRS.map(([, name]) => name).join(' or ')}, as the console of the store gives them.`,
    })
  if (/[^\x21-\x7e]/.test(token))
    throw new SourceError(
      'SOURCE_AUTH',
      `The token for ${url.protocol}//${url.host} is none: it has spaces or other signs.`,
      {
        hint: 'Copy it from the console again, without what stands around it.',
      },
    )
  const path = url.pathname.replace(/\/+$/, '')
  const label = `${url.protocol}//${url.host}`
  return { url: `${label}${path}`, host: url.host, token, label }
}

function parseUrl(address: string, variables: Variables): URL {
  const bare = /^upstash:(?:\/\/)?$/i.test(address)
  const text = bare ? fromEnvironment(variables) : address.replace(/^upstash:\/\//i, 'https://')
  if (!URL.canParse(text)) throw unreadable('it is not a URL')
  const url = new URL(text)
  if (/^rediss?:$/.test(url.protocol))
    throw new SourceError(
      'SOURCE_ADDRESS',
      `This is the address for Redis clients (${url.protocol}), not the one for REST.`,
      {
        hint: 'The console has the REST address beside it: https://NAME.upstash.io, with a token of its own. Or give the source itself the address for clients, and kvmig speaks to it as to any Redis.',
      },
    )
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw unreadable('it does not begin with https:')
  if (url.hash !== '' || url.search !== '') throw unreadable('something follows the path')
  if (url.username !== '') throw unreadable('it has a user name, and Upstash only has tokens')
  // The address of a project file is looked at before; one that only the environment has is not.
  if (bare && url.protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname))
    throw unreadable('the environment has one in clear text, which would show the token to the network')
  return url
}

function fromEnvironment(variables: Variables): string {
  for (const [name] of PAIRS) {
    const url = variables[name]
    if (url) return url
  }
  throw new SourceError(
    'SOURCE_ADDRESS',
    'The address of the source is upstash:, and the environment does not say which.',
    {
      hint: `Set ${PAIRS.map((names) => names.join(' and ')).join(', or ')}.`,
    },
  )
}

function tokenOf(host: string, variables: Variables): string | undefined {
  for (const [urlName, tokenName] of PAIRS) {
    const [url, token] = [variables[urlName], variables[tokenName]]
    if (token && (!url || (URL.canParse(url) && new URL(url).host === host))) return token
  }
  return undefined
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text) || undefined
  } catch {
    return text
  }
}

const unreadable = (why: string): SourceError =>
  new SourceError('SOURCE_ADDRESS', `The address of an Upstash source cannot be read: ${why}.`, {
    hint: 'Write upstash: and set UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN, or https://NAME.upstash.io with the token in the environment.',
  })
