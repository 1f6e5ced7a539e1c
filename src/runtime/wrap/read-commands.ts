import type { EntryType } from '../../plan/plan.ts'
import type { Entry } from '../../sources/source.ts'
import type { Subject } from './write-commands.ts'

/** Read commands that the source answers itself, in A and B. */
export const NATIVE_READS: ReadonlySet<string> = new Set(
  `get mget strlen getrange exists ttl pttl expiretime pexpiretime type hget hmget hgetall hkeys hvals hlen hexists hstrlen hscan
  hrandfield smembers sismember smismember scard sscan srandmember zrange zrevrange zrangebyscore zrevrangebyscore zrangebylex zscore
  zmscore zcard zcount zrank zrevrank zscan lrange llen lindex lpos xrange xrevrange xlen dump memory object`.split(
    /\s+/,
  ),
)

/** A read command that Postgres can answer, from the rows of its subjects. */
export interface TargetRead {
  subjects(args: readonly Buffer[], isElement: (key: Buffer, type: EntryType) => boolean): readonly Subject[]
  reply(entries: readonly (Entry | undefined)[], args: readonly Buffer[]): unknown
}

const keys = (args: readonly Buffer[], type: EntryType | undefined): readonly Subject[] =>
  args.map((key) => ({ key, element: 'key', type }))

const bytes = (entry: Entry | undefined): Buffer | null =>
  entry?.value?.type === 'string' ? entry.value.bytes : null

const fieldRead: TargetRead['subjects'] = ([key, ...names], isElement) =>
  isElement(key!, 'hash')
    ? names.map((name) => ({ key: key!, element: 'field', name, type: 'hash' }))
    : [{ key: key!, element: 'key', type: 'hash' }]

function field(entries: readonly (Entry | undefined)[], name: Buffer): Buffer | null {
  for (const entry of entries) {
    if (entry?.value?.type !== 'hash') continue
    const { pairs } = entry.value
    for (let at = 0; at < pairs.length; at += 2) if (pairs[at]!.equals(name)) return pairs[at + 1]!
  }
  return null
}

const member =
  (type: 'set' | 'zset'): TargetRead['subjects'] =>
  ([key, name]) => [{ key: key!, element: 'member', name: name!, type }]

/** The read commands that are answered from Postgres in C and D. */
export const TARGET_READS: Readonly<Record<string, TargetRead>> = {
  get: { subjects: ([key]) => keys([key!], 'string'), reply: ([entry]) => bytes(entry) },
  mget: { subjects: (args) => keys(args, 'string'), reply: (entries) => entries.map(bytes) },
  strlen: { subjects: ([key]) => keys([key!], 'string'), reply: ([entry]) => bytes(entry)?.length ?? 0 },
  exists: {
    subjects: (args) => keys(args, undefined),
    reply: (entries) => entries.filter((it) => it).length,
  },
  hget: { subjects: fieldRead, reply: (entries, [, name]) => field(entries, name!) },
  hmget: { subjects: fieldRead, reply: (entries, [, ...names]) => names.map((it) => field(entries, it)) },
  hexists: { subjects: fieldRead, reply: (entries, [, name]) => (field(entries, name!) === null ? 0 : 1) },
  hgetall: {
    subjects: ([key]) => keys([key!], 'hash'),
    reply: ([entry]) =>
      entry?.value?.type !== 'hash'
        ? {}
        : Object.fromEntries(
            entry.value.pairs.flatMap((it, at, all) =>
              at % 2 === 0 ? [[it.toString(), all[at + 1]!.toString()]] : [],
            ),
          ),
  },
  sismember: { subjects: member('set'), reply: ([entry]) => (entry ? 1 : 0) },
  zscore: {
    subjects: member('zset'),
    reply: ([entry]) => (entry?.value?.type === 'zset' ? Buffer.from(String(entry.value.scores[0])) : null),
  },
}
