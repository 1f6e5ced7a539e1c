import { parseClusterAddress } from './redis-cluster/address.ts'
import type { SourceAdapter } from './source.ts'

/**
 * A Redis Cluster, by any of its nodes: `redis+cluster://user:password@host:6379,otherhost:6379`, `rediss+cluster://` with TLS. Every master is
 * scanned; slots that move meanwhile are read again. The user needs `+cluster|nodes` besides what a single Redis takes.
 */
export const cluster: SourceAdapter = {
  name: 'cluster',
  schemes: ['redis+cluster', 'rediss+cluster'],
  summary: 'A Redis Cluster, master by master; slots that move are read again.',
  lacks: {},
  options: { type: 'object', additionalProperties: false, properties: {} },
  async open(address, { root, ...context }) {
    const { ClusterSource } = await import('./redis-cluster/cluster-source.ts')
    return ClusterSource.open(parseClusterAddress(address, root), context)
  },
}
