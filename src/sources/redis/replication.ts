/** What a server says of how it replicates. */
export interface Replicating {
  readonly isReplica: boolean
  /** Of a replica: is it in touch with its master, and has it got all that is sent first? */
  readonly isLinked: boolean
  /** Bytes of the master's stream of changes that it has, or has written. */
  readonly offset: number
  /** Of a replica: since when its master said nothing, in seconds; undefined where it does not tell. */
  readonly silentSeconds: number | undefined
}

/** Reads the answer to `INFO replication`. */
export function readReplication(text: string): Replicating {
  const value = (name: string): string | undefined =>
    new RegExp(`^${name}:([^\\r\\n]*)`, 'm').exec(text)?.[1]?.trim()
  const isReplica = value('role') === 'slave' || value('role') === 'replica'
  const isLinked = value('master_link_status') === 'up' && value('master_sync_in_progress') !== '1'
  const offset = isReplica
    ? (value('slave_repl_offset') ?? value('replica_repl_offset'))
    : value('master_repl_offset')
  const silence = Number(
    value('master_link_down_since_seconds') ?? value('master_last_io_seconds_ago') ?? Number.NaN,
  )
  return {
    isReplica,
    isLinked: isReplica && isLinked,
    offset: Number(offset ?? 0),
    silentSeconds: Number.isInteger(silence) && silence >= 0 ? silence : undefined,
  }
}
