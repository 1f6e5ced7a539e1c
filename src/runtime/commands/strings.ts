import { type Command, type Commands, onKey, reading } from './command.ts'
import {
  bytes,
  bytesOf,
  CommandError,
  count,
  evens,
  float,
  type Held,
  integer,
  pairsOf,
  slice,
  string,
  syntax,
  text,
  unique,
  wrongCount,
} from './content.ts'

/** Commands on strings. */
export const STRINGS: Commands = {
  set: {
    subjects: ([key]) => [{ key: key!, type: 'string' }],
    needsBase: looks,
    isBlind: (args) => !looks(args),
    isTimed: (args) => args.slice(2).some((it) => /^(ex|px)$/i.test(text(it))),
    run: ([held], [, value, ...options], now) => {
      let expiresAt: number | null = null
      let onlyIf: 'nx' | 'xx' | undefined
      let wantsOld = false
      for (let at = 0; at < options.length; at++) {
        const word = text(options[at]).toLowerCase()
        const amount = (): number => count(options[++at])
        if (word === 'ex') expiresAt = now + amount() * 1000
        else if (word === 'px') expiresAt = now + amount()
        else if (word === 'exat') expiresAt = amount() * 1000
        else if (word === 'pxat') expiresAt = amount()
        else if (word === 'keepttl') expiresAt = held?.expiresAt ?? null
        else if (word === 'nx' || word === 'xx') onlyIf = word
        else if (word === 'get') wantsOld = true
        else throw syntax()
      }
      const old = wantsOld ? (bytesOf(held) ?? null) : null
      if ((onlyIf === 'nx' && held) || (onlyIf === 'xx' && !held)) return { after: [held], reply: old }
      return { after: [string(value!, expiresAt)], reply: wantsOld ? old : 'OK' }
    },
  },
  setex: setWith(1000),
  psetex: setWith(1),
  setnx: onKey('string', (held, [value]) =>
    held ? { after: held, reply: 0 } : { after: string(value!, null), reply: 1 },
  ),
  getset: onKey(
    'string',
    (held, [value]) => ({ after: string(value!, null), reply: bytesOf(held) ?? null }),
    {
      needsBase: () => false,
    },
  ),
  getdel: onKey('string', (held) => ({ after: undefined, reply: bytesOf(held) ?? null }), {
    needsBase: () => false,
  }),
  getex: onKey(
    'string',
    (held, options, now) => {
      const value = bytesOf(held)
      if (!held || value === undefined) return { after: held, reply: null }
      const [word, amount] = options
      if (word === undefined) return { after: held, reply: value }
      const at = { persist: () => null, ex: () => now + count(amount) * 1000, px: () => now + count(amount) }
      const until = { exat: () => count(amount) * 1000, pxat: () => count(amount) }
      const expiry = { ...at, ...until }[text(word).toLowerCase() as keyof typeof at]
      if (!expiry) throw syntax()
      return { after: string(value, expiry()), reply: value }
    },
    { isTimed: (args) => args.slice(1).some((it) => /^(ex|px)$/i.test(text(it))) },
  ),
  append: onKey('string', (held, [more]) => {
    const value = Buffer.concat([bytesOf(held) ?? Buffer.alloc(0), more!])
    return { after: string(value, held?.expiresAt ?? null), reply: value.length }
  }),
  setrange: onKey('string', (held, [offset, patch]) => {
    const [from, old] = [count(offset), bytesOf(held) ?? Buffer.alloc(0)]
    if (from < 0) throw new CommandError('ERR offset is out of range')
    if (patch!.length === 0) return { after: held, reply: old.length }
    const value = Buffer.alloc(Math.max(old.length, from + patch!.length))
    old.copy(value)
    patch!.copy(value, from)
    return { after: string(value, held?.expiresAt ?? null), reply: value.length }
  }),
  mset: {
    subjects: (args) => unique(evens(args)).map((key) => ({ key, type: 'string' })),
    needsBase: () => false,
    isBlind: () => true,
    run: (_, args) => ({ after: [...pairsOf(args).values()].map((it) => string(it, null)), reply: 'OK' }),
  },
  msetnx: {
    subjects: (args) => unique(evens(args)).map((key) => ({ key, type: 'string' })),
    needsBase: () => true,
    run: (held, args) =>
      held.some((it) => it)
        ? { after: held, reply: 0 }
        : { after: [...pairsOf(args).values()].map((it) => string(it, null)), reply: 1 },
  },
  incr: counter(() => 1n),
  decr: counter(() => -1n),
  incrby: counter((args) => integer(args[0])),
  decrby: counter((args) => -integer(args[0])),
  incrbyfloat: onKey('string', (held, [by]) => {
    const result = floatSum(bytesOf(held), by)
    return { after: string(result, held?.expiresAt ?? null), reply: result }
  }),
  get: reading('string', (held) => bytesOf(held) ?? null),
  mget: {
    subjects: (args) => args.map((key) => ({ key, type: 'string' })),
    reads: true,
    needsBase: () => false,
    run: (held) => ({
      after: held,
      reply: held.map((it) => (it?.value.type === 'string' ? it.value.bytes : null)),
    }),
  },
  strlen: reading('string', (held) => bytesOf(held)?.length ?? 0),
  getrange: reading('string', (held, [from, to]) =>
    Buffer.from(slice([...(bytesOf(held) ?? [])], count(from), count(to))),
  ),
}

function looks(args: readonly Buffer[]): boolean {
  return args.slice(2).some((it) => /^(nx|xx|get|keepttl)$/i.test(text(it)))
}

function setWith(unit: number): Command {
  return onKey(
    'string',
    (_, [amount, value], now) => {
      if (!value) throw wrongCount()
      return { after: string(value, now + count(amount) * unit), reply: 'OK' }
    },
    { needsBase: () => false, isBlind: () => true, isTimed: () => true },
  )
}

function counter(by: (args: readonly Buffer[]) => bigint): Command {
  return onKey('string', (held: Held, args) => {
    const result = sum(bytesOf(held), by(args))
    return { after: string(bytes(String(result)), held?.expiresAt ?? null), reply: Number(result) }
  })
}

/** A whole number and another one, within 64 bits. */
export function sum(old: Buffer | undefined, by: bigint): bigint {
  const result = (old === undefined ? 0n : integer(old)) + by
  if (BigInt.asIntN(64, result) !== result)
    throw new CommandError('ERR increment or decrement would overflow')
  return result
}

/** A sum as Redis writes it: without an exponent, and without zeros at its end. */
export function floatSum(old: Buffer | undefined, by: Buffer | undefined): Buffer {
  const result = (old === undefined ? 0 : float(old)) + float(by)
  if (!Number.isFinite(result)) throw new CommandError('ERR increment would produce NaN or Infinity')
  const written = String(result)
  return bytes(written.includes('e') ? result.toFixed(17).replace(/\.?0+$/, '') : written)
}
