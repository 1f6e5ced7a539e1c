import { SourceError } from '../../errors.ts'
import { parseRedisAddress, type RedisAddress } from '../redis/address.ts'

/** Nodes of a cluster that know the others, and how to get in. Holds the password: never to be printed; `label` is for people. */
export interface ClusterAddress {
  readonly seeds: readonly RedisAddress[]
  /** `redis+cluster://127.0.0.1:7000`. */
  readonly label: string
}

/**
 * Reads `redis+cluster://[user:password@]host[:port][,host[:port] …][?ca=FILE]`; `rediss+cluster:` is TLS. Every node takes the same user. Throws
 * SourceError SOURCE_ADDRESS, which repeats nothing of the address.
 */
export function parseClusterAddress(address: string, root: string): ClusterAddress {
  const [, tls, user = '', hosts = '', rest = ''] =
    /^redis(s?)\+cluster:\/\/([^/?#]*@)?([^/?#@]*)(.*)$/is.exec(address) ?? []
  if (!/^\/?(\?.*)?$/s.test(rest) || hosts === '')
    throw new SourceError('SOURCE_ADDRESS', 'The address of a Redis Cluster cannot be read.', {
      hint: 'Write redis+cluster://user:password@host:6379,otherhost:6379 (rediss+cluster:// for TLS). A cluster has only database 0.',
    })
  const seeds = hosts.split(',').map((host) => parseRedisAddress(`redis${tls}://${user}${host}${rest}`, root))
  return { seeds, label: seeds[0]!.label.replace(/^(rediss?):(.*)\/0$/, '$1+cluster:$2') }
}
