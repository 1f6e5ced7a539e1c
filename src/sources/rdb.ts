import { resolve } from 'node:path'
import type { SourceAdapter } from './source.ts'

/**
 * A Redis backup, as a server saves it or `redis-cli --rdb` fetches it: `rdb:./dump.rdb`, `rdb:./dump.rdb?db=3`. Without a number it is
 * the only database that has keys. It costs the server nothing, is all of one instant, and is checked as a whole before anything is given.
 */
export const rdb: SourceAdapter = {
  name: 'rdb',
  schemes: ['rdb'],
  summary: 'A backup of a Redis or Valkey (RDB versions 1 to 14, 80), read without a server.',
  lacks: {},
  isBackup: true,
  options: { type: 'object', additionalProperties: false, properties: {} },
  async open(address, { root, signal }) {
    const [, path = '', database] = /^rdb:(.*?)(?:\?db=(\d{1,9}))?$/is.exec(address) ?? []
    const { RdbSource } = await import('./rdb/rdb-source.ts')
    return RdbSource.open(
      resolve(root, path),
      `rdb:${path}`,
      database === undefined ? undefined : Number(database),
      signal,
    )
  },
}
