import type { EntryType } from '../../plan/plan.ts'
import type { Change } from '../../sources/change.ts'
import type { Entry, EntryValue } from '../../sources/source.ts'

/** What a command is about: a whole key, or one of its elements. */
export interface Subject {
  readonly key: Buffer
  readonly element: 'key' | 'field' | 'member'
  /** Of the element. */
  readonly name?: Buffer
  /** The types that the key may have; undefined: any. */
  readonly type: EntryType | undefined
}

/** What a command makes of its subjects, in their order; an entry that stays as it is gives undefined. */
export interface Effect {
  readonly changes: readonly (Change | undefined)[]
  readonly reply: unknown
}

/** A write command as dual-write carries it out. */
export interface WriteCommand {
  /** `isElement`: are the elements of this key records of their own, or parts of one? */
  subjects(args: readonly Buffer[], isElement: (key: Buffer, type: EntryType) => boolean): readonly Subject[]
  /** Does what it writes depend on what is there, and not only what it answers? */
  needsBase(args: readonly Buffer[]): boolean
  /** Is neither what it writes nor what it answers a matter of what is there? Then nobody looks. Default: no. */
  isBlind?(args: readonly Buffer[]): boolean
  /** Throws CommandError for what Redis would refuse. */
  effect(bases: readonly (Entry | undefined)[], args: readonly Buffer[], context: EffectContext): Effect
}

export interface EffectContext {
  /** Milliseconds since 1970 by the store's clock. */
  readonly now: number
  /** Are the subjects elements of a key, or the key as a whole? */
  readonly byElement: boolean
}

/** What Redis would say to a command. */
export class CommandError extends Error {}

type Elements = (key: Buffer, type: EntryType) => boolean

const text = (it: Buffer | undefined): string => it?.toString('latin1') ?? ''
const whole = (key: Buffer, type?: EntryType): Subject => ({ key, element: 'key', type })
const bytesOf = (base: Entry | undefined): Buffer | undefined => {
  if (!base) return undefined
  if (base.value?.type !== 'string') throw wrongType()
  return base.value.bytes
}
const string = (bytes: Buffer, expiresAt: number | null): Change => ({
  do: 'put',
  value: { type: 'string', bytes },
  expiresAt,
})
const put = (value: EntryValue, expiresAt: number | null): Change => ({ do: 'put', value, expiresAt })
const GONE: Change = { do: 'delete' }

const wrongType = (): CommandError =>
  new CommandError('WRONGTYPE Operation against a key holding the wrong kind of value')
const syntax = (): CommandError => new CommandError('ERR syntax error')

function integer(it: Buffer | undefined): bigint {
  const written = text(it)
  if (!/^(0|-?[1-9]\d{0,18})$/.test(written))
    throw new CommandError('ERR value is not an integer or out of range')
  return BigInt(written)
}

function sum(base: Buffer | undefined, by: bigint): bigint {
  const result = (base === undefined ? 0n : integer(base)) + by
  if (BigInt.asIntN(64, result) !== result)
    throw new CommandError('ERR increment or decrement would overflow')
  return result
}

const one = (
  effect: WriteCommand['effect'],
  type: EntryType | undefined,
  needsBase = true,
): WriteCommand => ({
  subjects: ([key]) => [whole(key!, type)],
  needsBase: () => needsBase,
  effect,
})

const counter = (by: (args: readonly Buffer[]) => bigint): WriteCommand =>
  one(([base], args) => {
    const result = sum(bytesOf(base), by(args))
    return { changes: [string(Buffer.from(String(result)), base?.expiresAt ?? null)], reply: Number(result) }
  }, 'string')

const expiring = (at: (amount: number, now: number) => number): WriteCommand =>
  one(([base], args, { now }) => {
    if (args.length > 2) throw syntax()
    if (!base) return { changes: [undefined], reply: 0 }
    const expiresAt = at(Number(integer(args[1])), now)
    return { changes: [expiresAt <= now ? GONE : put(base.value!, expiresAt)], reply: 1 }
  }, undefined)

const setWith = (unit: number): WriteCommand => ({
  isBlind: () => true,
  ...one(
    (_, args, { now }) => ({
      changes: [string(args[2]!, now + Number(integer(args[1])) * unit)],
      reply: 'OK',
    }),
    'string',
    false,
  ),
})

const looks = (args: readonly Buffer[]): boolean =>
  args.slice(2).some((it) => /^(nx|xx|get|keepttl)$/i.test(text(it)))

const SET: WriteCommand = {
  subjects: ([key]) => [whole(key!, 'string')],
  needsBase: looks,
  isBlind: (args) => !looks(args),
  effect: ([base], [, value, ...options], { now }) => {
    let expiresAt: number | null = null
    let onlyIf: 'nx' | 'xx' | undefined
    let wantsOld = false
    for (let at = 0; at < options.length; at++) {
      const word = text(options[at]).toLowerCase()
      const amount = (): number => Number(integer(options[++at]))
      if (word === 'ex') expiresAt = now + amount() * 1000
      else if (word === 'px') expiresAt = now + amount()
      else if (word === 'exat') expiresAt = amount() * 1000
      else if (word === 'pxat') expiresAt = amount()
      else if (word === 'keepttl') expiresAt = base?.expiresAt ?? null
      else if (word === 'nx' || word === 'xx') onlyIf = word
      else if (word === 'get') wantsOld = true
      else throw syntax()
    }
    const old = wantsOld ? (bytesOf(base) ?? null) : null
    if ((onlyIf === 'nx' && base) || (onlyIf === 'xx' && !base)) return { changes: [undefined], reply: old }
    return { changes: [string(value!, expiresAt)], reply: wantsOld ? old : 'OK' }
  },
}

const DEL: WriteCommand = {
  subjects: (args) => args.map((it) => whole(it)),
  needsBase: () => false,
  effect: (bases) => ({ changes: bases.map(() => GONE), reply: bases.filter((it) => it).length }),
}

/** Fields of a hash, be they records of their own or parts of one. */
const fields = (
  names: (args: readonly Buffer[]) => readonly Buffer[],
  change: (
    old: ReadonlyMap<string, Buffer>,
    args: readonly Buffer[],
  ) => {
    readonly set?: ReadonlyMap<string, Buffer>
    readonly removed?: readonly string[]
    readonly reply: unknown
  },
  needsBase: boolean,
): WriteCommand => ({
  subjects: ([key, ...args], isElement: Elements) =>
    isElement(key!, 'hash')
      ? unique(names(args)).map((name) => ({ key: key!, element: 'field', name, type: 'hash' }))
      : [whole(key!, 'hash')],
  // Part of a record that is one whole: the rest of it comes from what is there.
  needsBase: () => needsBase,
  effect: (bases, [, ...args], { byElement }) => {
    const old = new Map<string, Buffer>()
    for (const base of bases) {
      if (!base) continue
      if (base.value?.type !== 'hash') throw wrongType()
      const { pairs } = base.value
      for (let at = 0; at < pairs.length; at += 2) old.set(pairs[at]!.toString('latin1'), pairs[at + 1]!)
    }
    const { set = new Map<string, Buffer>(), removed = [], reply } = change(old, args)
    if (set.size + removed.length === 0) return { changes: bases.map(() => undefined), reply }
    const wanted = byElement ? unique(names(args)) : undefined
    return { changes: fieldChanges(bases, wanted, { old, set, removed }), reply }
  },
})

const unique = (names: readonly Buffer[]): readonly Buffer[] => [
  ...new Map(names.map((it) => [it.toString('latin1'), it])).values(),
]

function fieldChanges(
  bases: readonly (Entry | undefined)[],
  names: readonly Buffer[] | undefined,
  {
    old,
    set,
    removed,
  }: { old: ReadonlyMap<string, Buffer>; set: ReadonlyMap<string, Buffer>; removed: readonly string[] },
): readonly (Change | undefined)[] {
  // One subject for each field, or one for the hash.
  if (names) {
    return names.map((name) => {
      const field = name.toString('latin1')
      const value = set.get(field)
      if (value) return put({ type: 'hash', pairs: [name, value] }, null)
      return removed.includes(field) ? GONE : undefined
    })
  }
  const all = new Map([...old, ...set])
  for (const field of removed) all.delete(field)
  if (all.size === 0) return [GONE]
  const pairs = [...all].flatMap(([field, value]) => [Buffer.from(field, 'latin1'), value])
  return [put({ type: 'hash', pairs }, bases[0]?.expiresAt ?? null)]
}

const pairsOf = (args: readonly Buffer[]): ReadonlyMap<string, Buffer> => {
  if (args.length === 0 || args.length % 2 !== 0) throw new CommandError('ERR wrong number of arguments')
  const pairs = new Map<string, Buffer>()
  for (let at = 0; at < args.length; at += 2) pairs.set(args[at]!.toString('latin1'), args[at + 1]!)
  return pairs
}

const evens = (args: readonly Buffer[]): readonly Buffer[] => args.filter((_, index) => index % 2 === 0)
const odds = (args: readonly Buffer[]): readonly Buffer[] => args.filter((_, index) => index % 2 === 1)

const hset = (reply: (added: number) => unknown): WriteCommand =>
  fields(
    evens,
    (old, args) => {
      const set = pairsOf(args)
      return { set, reply: reply([...set.keys()].filter((it) => !old.has(it)).length) }
    },
    false,
  )

/** Members of a set or a sorted set, each a record of its own. */
const members = (
  type: 'set' | 'zset',
  names: (args: readonly Buffer[]) => readonly Buffer[],
  change: (
    name: Buffer,
    index: number,
    base: Entry | undefined,
    args: readonly Buffer[],
  ) => Change | undefined,
  counts: (base: Entry | undefined) => boolean,
): WriteCommand => ({
  subjects: ([key, ...args]) =>
    unique(names(args)).map((name) => ({ key: key!, element: 'member', name, type })),
  needsBase: () => false,
  effect: (bases, [, ...args]) => ({
    changes: unique(names(args)).map((name, index) => change(name, index, bases[index], args)),
    reply: bases.filter(counts).length,
  }),
})

const isNew = (base: Entry | undefined): boolean => base === undefined
const isThere = (base: Entry | undefined): boolean => base !== undefined

/** The write commands that dual-write knows, by name. Every other one on a key that a plan claims is refused. */
export const WRITE_COMMANDS: Readonly<Record<string, WriteCommand>> = {
  set: SET,
  setex: setWith(1000),
  psetex: setWith(1),
  setnx: one(
    ([base], args) =>
      base ? { changes: [undefined], reply: 0 } : { changes: [string(args[1]!, null)], reply: 1 },
    'string',
  ),
  getset: one(
    ([base], args) => ({ changes: [string(args[1]!, null)], reply: bytesOf(base) ?? null }),
    'string',
    false,
  ),
  getdel: one(
    ([base]) => ({ changes: [base ? GONE : undefined], reply: bytesOf(base) ?? null }),
    'string',
    false,
  ),
  append: one(([base], args) => {
    const bytes = Buffer.concat([bytesOf(base) ?? Buffer.alloc(0), args[1]!])
    return { changes: [string(bytes, base?.expiresAt ?? null)], reply: bytes.length }
  }, 'string'),
  mset: {
    subjects: (args) => unique(evens(args)).map((it) => whole(it, 'string')),
    needsBase: () => false,
    isBlind: () => true,
    effect: (_, args) => ({
      changes: [...pairsOf(args).values()].map((it) => string(it, null)),
      reply: 'OK',
    }),
  },
  incr: counter(() => 1n),
  decr: counter(() => -1n),
  incrby: counter((args) => integer(args[1])),
  decrby: counter((args) => -integer(args[1])),
  del: DEL,
  unlink: DEL,
  expire: expiring((seconds, now) => now + seconds * 1000),
  pexpire: expiring((millis, now) => now + millis),
  expireat: expiring((seconds) => seconds * 1000),
  pexpireat: expiring((millis) => millis),
  persist: one(
    ([base]) =>
      base?.expiresAt == null
        ? { changes: [undefined], reply: 0 }
        : { changes: [put(base.value!, null)], reply: 1 },
    undefined,
  ),
  rename: {
    subjects: ([from, to]) => [whole(from!), whole(to!)],
    needsBase: () => true,
    effect: ([base]) => {
      if (!base) throw new CommandError('ERR no such key')
      return { changes: [GONE, put(base.value!, base.expiresAt)], reply: 'OK' }
    },
  },
  hset: hset((added) => added),
  hmset: hset(() => 'OK'),
  hsetnx: fields(
    ([name]) => [name!],
    (old, [name, value]) => {
      const field = name!.toString('latin1')
      return old.has(field) ? { reply: 0 } : { set: new Map([[field, value!]]), reply: 1 }
    },
    true,
  ),
  hdel: fields(
    (args) => args,
    (old, args) => {
      const removed = unique(args).map((it) => it.toString('latin1'))
      return { removed, reply: removed.filter((it) => old.has(it)).length }
    },
    false,
  ),
  hincrby: fields(
    ([name]) => [name!],
    (old, [name, by]) => {
      const field = name!.toString('latin1')
      const result = sum(old.get(field), integer(by))
      return { set: new Map([[field, Buffer.from(String(result))]]), reply: Number(result) }
    },
    true,
  ),
  sadd: members(
    'set',
    (args) => args,
    (name) => put({ type: 'set', members: [name] }, null),
    isNew,
  ),
  srem: members(
    'set',
    (args) => args,
    () => GONE,
    isThere,
  ),
  zadd: members(
    'zset',
    odds,
    (name, _, __, args) => {
      const at = args.findLastIndex((it, index) => index % 2 === 1 && it.equals(name))
      const score = text(args[at - 1])
      if (!/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(score))
        throw new CommandError('ERR value is not a valid float')
      return put({ type: 'zset', members: [name], scores: [Number(score)] }, null)
    },
    isNew,
  ),
  zrem: members(
    'zset',
    (args) => args,
    () => GONE,
    isThere,
  ),
}
