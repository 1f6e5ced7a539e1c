import { SourceError } from '../../errors.ts'
import { parseRedisAddress, type RedisAddress } from '../redis/address.ts'

/** Nodes of a cluster that know the others, and how to get in. Holds the password: never to be printed; `label` is for people. */
export interface ClusterAddress {
  readonly seeds: readonly RedisAddress[]
  /** `?read=replicas`: scans go to replicas, which are waited for until they have what their masters had. */
  readonly byReplicas: boolean
  /** `redis+cluster://127.0.0.1:7000`. */
  readonly label: string
}

/**
 * Reads `redis+cluster://[user:password@]host[:port][,host[:port] …][?ca=FILE][&read=replicas]`; `rediss+cluster:` is TLS. Every node takes the same user. Throws
 * SourceError SOURCE_ADDRESS, which repeats nothing of the address.
 */
export function parseClusterAddress(address: string, root: string): ClusterAddress {
  const [, tls, user = '', hosts = '', rest = ''] =
    /^redis(s?)\+cluster:\/\/([^/?#]*@)?([^/?#@]*)(.*)$/is.exec(address) ?? []
  const options = new URLSearchParams(rest.replace(/^\/?\??/, ''))
  const read = options.getAll('read')
  options.delete('read')
  if (!/^\/?(\?.*)?$/s.test(rest) || hosts === '' || read.some((it) => it !== 'replicas'))
    throw new SourceError('SOURCE_ADDRESS', 'The address of a Redis Cluster cannot be read.', {
      hint: 'Write redis+cluster://user:password@host:6379,otherhost:6379 (rediss+cluster:// for TLS), and ?read=replicas behind it to spare the masters. A cluster has only database 0.',
    })
  const ca = options.size > 0 ? `?${options}` : ''
  const seeds = hosts.split(',').map((host) => parseRedisAddress(`redis${tls}://${user}${host}${ca}`, root))
  return {
    seeds,
    byReplicas: read.length > 0,
    label: seeds[0]!.label.replace(/^(rediss?):(.*)\/0$/, '$1+cluster:$2'),
  }
}
