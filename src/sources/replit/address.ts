import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { SourceError } from '../../errors.ts'
import type { SourceContext } from '../source.ts'

/** Where a Replit database is at the moment. Its path is a token: never to be printed. */
export interface ReplitAddress {
  readonly url: URL
  /** `replit:kv.replit.com`. */
  readonly label: string
  /** Of the database, whatever token leads to it now. */
  readonly identity: string
}

/** Where Replit puts the address, and a new one from time to time. */
const FILE = '/tmp/replitdb'

/**
 * Looks up the address: in `file` (`/tmp/replitdb` unless the option says otherwise), where Replit renews it, else in REPLIT_DB_URL.
 * Throws SourceError SOURCE_ADDRESS.
 */
export async function findReplitAddress({
  root,
  variables = {},
  options = {},
}: Pick<SourceContext, 'root' | 'variables' | 'options'>): Promise<ReplitAddress> {
  const text = (await contentOf(resolve(root, options.file ?? FILE))) || variables.REPLIT_DB_URL?.trim()
  if (!text)
    throw new SourceError('SOURCE_ADDRESS', 'Nothing says where the Replit database is.', {
      hint: 'Run kvmig within the Repl, which has /tmp/replitdb, or copy its REPLIT_DB_URL into the environment (it is a secret, and is renewed).',
    })
  return parse(text)
}

function parse(text: string): ReplitAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw unreadable('it is not an address of a web server')
  if (url.protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname))
    throw unreadable('it is in clear text, which would show its token to the network')
  if (url.search !== '' || url.hash !== '' || url.username !== '')
    throw unreadable('it holds more than host and path')
  url.pathname = url.pathname.replace(/\/+$/, '')
  return { url, label: `replit:${url.host}`, identity: `replit:${url.host}:${databaseOf(url.pathname)}` }
}

// The token is a JWT that names the database: it stays the same when the token is renewed.
function databaseOf(path: string): string {
  const payload = /\/[\w-]+\.([\w-]+)\.[\w-]+$/.exec(path)?.[1]
  try {
    const { database_id: id } = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString())
    if (typeof id === 'string' && /^[\w-]{1,100}$/.test(id)) return id
  } catch {
    // No JWT, or of another kind.
  }
  return createHash('sha256').update(path).digest('hex').slice(0, 32)
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch {
    return undefined
  }
}

const unreadable = (why: string): SourceError =>
  new SourceError('SOURCE_ADDRESS', `The address of the Replit database cannot be read: ${why}.`, {
    hint: 'It is what /tmp/replitdb or REPLIT_DB_URL holds within the Repl.',
  })
