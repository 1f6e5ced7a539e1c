import { didYouMean, type Position } from '../diagnostic.ts'
import type { PlanCatalog } from './catalog.ts'
import type { Notes } from './notes.ts'
import type { StoreAddress } from './plan.ts'
import { listOf } from './problem.ts'
import { textOf, type YamlNode } from './yaml.ts'

/** Reads an address of a source or of the target; nothing of it is repeated in a message, because it may hold a secret. */
export function readAddress(
  node: YamlNode,
  role: 'source' | 'target',
  { catalog, notes }: { readonly catalog: PlanCatalog; readonly notes: Notes },
): StoreAddress | undefined {
  const text = node.kind === 'map' ? node.get('url') : node
  const url = textOf(text)
  if (!text || url === undefined) return undefined
  const insecure = textOf(node.get('insecure'))
  const schemes = role === 'target' ? TARGET_SCHEMES : [...catalog.sources.keys()]
  if (checkTemplate(url, text, notes)) {
    checkScheme(url, text.at, schemes, notes)
    checkClearText(url, text.at, insecure, notes)
  }
  const options = node.entries.flatMap(({ key, value }) => {
    const option = key === 'url' || key === 'insecure' ? undefined : textOf(value)
    if (option !== undefined && /^(token|password)$/.test(key) && !/^\$\{[^}]*\}$/.test(option))
      notSecret(value, notes)
    return option === undefined ? [] : [[key, option] as const]
  })
  return {
    url,
    ...(insecure !== undefined && { insecure }),
    ...(options.length > 0 && { options: Object.fromEntries(options) }),
    at: text.at,
  }
}

const TARGET_SCHEMES = ['postgres', 'postgresql', 'pglite']

const TEMPLATE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g

function checkTemplate(url: string, node: YamlNode, notes: Notes): boolean {
  const offset = url.replace(TEMPLATE, (it) => ' '.repeat(it.length)).indexOf('${')
  if (offset === -1) return true
  const hint = 'Write ${NAME} or ${NAME:-default}; a default cannot hold another variable.'
  notes.error('KV016', node.locate(offset), 'This variable cannot be read.', hint)
  return false
}

/** Every address that may come out, as far as the file alone tells: a variable's default, or nothing known in its place. */
const withDefaults = (url: string): string =>
  url.replace(TEMPLATE, (_, _name, fallback: string | undefined) => fallback ?? '\0')

function checkScheme(url: string, at: Position, schemes: readonly string[], notes: Notes): void {
  const known = withDefaults(url)
  if (known.startsWith('\0')) return
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(known)?.[1]?.toLowerCase()
  if (scheme !== undefined && schemes.includes(scheme)) return
  const meant = scheme === undefined ? undefined : didYouMean(scheme, schemes)
  const found =
    scheme === undefined
      ? 'The address does not begin with a scheme.'
      : `There is no scheme "${scheme}:" here.`
  const hint = meant ? `Did you mean "${meant}:"?` : `Known are ${listOf(schemes.map((it) => `${it}:`))}.`
  notes.error('KV064', at, found, hint)
}

function checkClearText(url: string, at: Position, insecure: string | undefined, notes: Notes): void {
  const host = clearTextHost(withDefaults(url))
  if (host === undefined) return
  const what = `The connection to ${host} is not encrypted.`
  if (insecure !== undefined) notes.warning('KV071', at, what)
  else
    notes.error(
      'KV071',
      at,
      what,
      'Use TLS (rediss:, https:), or write { url: …, insecure: the reason } where the network is private.',
    )
}

/** The host that an address reaches in clear text over a network; undefined for TLS, this machine, files, and hosts not known yet. */
export function clearTextHost(url: string): string | undefined {
  const found = /^(?:redis|redis\+cluster|http|chroma\+http):\/\/(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:,]*)/i.exec(
    url,
  )
  const host = found?.[1]?.toLowerCase()
  if (!host || host.includes('\0')) return undefined
  return /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|\[::1\])$/.test(host) ? undefined : host
}

/** Reports a password or token that stands in an address; `text` is searched, never repeated. */
export function checkSecrets(node: YamlNode, notes: Notes): void {
  for (const entry of node.entries) if (entry.key !== 'examples') checkSecrets(entry.value, notes)
  for (const item of node.items) checkSecrets(item, notes)
  const text = textOf(node)
  if (text === undefined) return
  const bare = text.replace(TEMPLATE, (_, _name, fallback: string | undefined) => fallback ?? '')
  if (SECRET.test(bare)) notSecret(node, notes)
}

const notSecret = (node: YamlNode, notes: Notes): void =>
  notes.error(
    'KV070',
    node.at,
    'A password or token stands in this address, for everybody who can read the repository.',
    'Take it from the environment: ${DATABASE_URL}. And change the password.',
  )

const SECRET =
  /[a-z][a-z0-9+.-]*:\/\/[^\s/?#:@]*:[^\s/?#@]+@|[?&](?:password|passwd|token|secret|api_?key)=[^&\s]+/i
