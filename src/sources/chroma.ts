import { SourceError } from '../errors.ts'
import type { ChromaAddress } from './chroma/client.ts'
import type { SourceAdapter } from './source.ts'

/**
 * A Chroma server, by its REST protocol, version 2: `chroma+http://host:8000`, `chroma+https://host/tenant/database`. Each record is an entry: its
 * key `collection:id`, its value a JSON object of id, document, embedding, metadata and uri, with every number as Chroma wrote it.
 */
export const chroma: SourceAdapter = {
  name: 'chroma',
  schemes: ['chroma+http', 'chroma+https'],
  summary: 'A Chroma server: each record a JSON object under `collection:id`.',
  lacks: {
    types: 'every value is one text',
    bytes: 'ids and documents are text',
    expiry: 'nothing expires there',
  },
  options: {
    type: 'object',
    additionalProperties: false,
    properties: { token: { type: 'string', description: 'Instead of the one in the environment.' } },
  },
  async open(address, { variables = {}, options = {}, ...context }) {
    const { ChromaSource } = await import('./chroma/chroma-source.ts')
    return ChromaSource.open(parse(address, options.token || variables.CHROMA_TOKEN || undefined), context)
  },
}

function parse(address: string, token: string | undefined): ChromaAddress {
  const text = address.replace(/^chroma\+/i, '')
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || url.hostname === '') throw unreadable('it is not a URL')
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '')
    throw unreadable('it holds more than host, tenant and database')
  const [tenant = 'default_tenant', database = 'default_database', ...more] = url.pathname
    .split('/')
    .filter((it) => it !== '')
  if (more.length > 0) throw unreadable('more than tenant and database follow the host')
  const label = `chroma+${url.protocol}//${url.host}`
  const base = `${url.protocol}//${url.host}/api/v2`
  return { database: `${base}/tenants/${tenant}/databases/${database}`, token, label }
}

const unreadable = (why: string): SourceError =>
  new SourceError('SOURCE_ADDRESS', `The address of a Chroma source cannot be read: ${why}.`, {
    hint: 'Write chroma+http://host:8000, or chroma+https://host/tenant/database, with the token in CHROMA_TOKEN.',
  })
