import { SourceError } from '../errors.ts'
import { clearTextHost } from '../plan/address.ts'
import type { StoreAddress } from '../plan/plan.ts'
import { isLocal } from '../target/transport.ts'

/**
 * Looks at the address of a source once its variables are known: `url` is what `address` resolved to. Gives a sentence of warning where a
 * network sees what is read; throws SourceError CLEAR_TEXT for a public network, unless the project says why (`insecure:`). The address is
 * not repeated, only its host.
 */
export function warnOfClearText(
  name: string,
  url: string,
  { insecure }: Pick<StoreAddress, 'insecure'>,
): string | undefined {
  const host = clearTextHost(url)
  if (host === undefined) return undefined
  const isPrivate = isLocal(host.replace(/^\[(.+)\]$/, '$1'))
  if (isPrivate || insecure !== undefined)
    return `source ${name}: clear text over a ${isPrivate ? 'private' : 'public'} network to ${host}; rediss:// or https:// would protect it.`
  throw new SourceError(
    'CLEAR_TEXT',
    `kvmig does not read data in clear text from ${host}, over a public network.`,
    { hint: `Use TLS (rediss:, https:), or write { url: …, insecure: the reason } at source ${name}.` },
  )
}
