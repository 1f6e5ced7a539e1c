import { type Command, type Commands, onKey, reading } from './command.ts'
import { CommandError, count, syntax, text } from './content.ts'

const DEL: Command = {
  subjects: (args) => uniqueKeys(args).map((key) => ({ key, type: undefined })),
  needsBase: () => false,
  run: (held) => ({ after: held.map(() => undefined), reply: held.filter((it) => it).length }),
}

/** Commands on keys, whatever they hold. */
export const KEYS: Commands = {
  del: DEL,
  unlink: DEL,
  expire: expiring((seconds, now) => now + seconds * 1000, { timed: true }),
  pexpire: expiring((millis, now) => now + millis, { timed: true }),
  expireat: expiring((seconds) => seconds * 1000, { timed: true }),
  pexpireat: expiring((millis) => millis, { timed: true }),
  persist: onKey(undefined, (held) =>
    held?.expiresAt == null
      ? { after: held, reply: 0 }
      : { after: { value: held.value, expiresAt: null }, reply: 1 },
  ),
  rename: renaming(() => 'OK'),
  renamenx: renaming((isThere) => (isThere ? 0 : 1), { onlyNew: true }),
  exists: {
    subjects: (args) => args.map((key) => ({ key, type: undefined })),
    reads: true,
    needsBase: () => false,
    run: (held) => ({ after: held, reply: held.filter((it) => it).length }),
  },
  type: reading(undefined, (held) => held?.value.type ?? 'none'),
  ttl: reading(undefined, (held, _, now) => left(held, now, 1000), { timed: true }),
  pttl: reading(undefined, (held, _, now) => left(held, now, 1), { timed: true }),
  expiretime: reading(undefined, (held) =>
    !held ? -2 : held.expiresAt === null ? -1 : Math.floor(held.expiresAt / 1000),
  ),
  pexpiretime: reading(undefined, (held) => (!held ? -2 : (held.expiresAt ?? -1))),
}

function uniqueKeys(keys: readonly Buffer[]): readonly Buffer[] {
  return [...new Map(keys.map((it) => [text(it), it])).values()]
}

function left(held: { readonly expiresAt: number | null } | undefined, now: number, unit: number): number {
  if (!held) return -2
  return held.expiresAt === null ? -1 : Math.max(0, Math.round((held.expiresAt - now) / unit))
}

function expiring(at: (amount: number, now: number) => number, { timed }: { timed: boolean }): Command {
  return onKey(
    undefined,
    (held, [amount, ...options], now) => {
      const words = options.map((it) => text(it).toLowerCase())
      if (words.some((it) => !/^(nx|xx|gt|lt)$/.test(it))) throw syntax()
      const expiresAt = at(count(amount), now)
      if (!held) return { after: held, reply: 0 }
      const old = held.expiresAt ?? Number.POSITIVE_INFINITY
      const refused = words.some(
        (it) =>
          (it === 'nx' && held.expiresAt !== null) ||
          (it === 'xx' && held.expiresAt === null) ||
          (it === 'gt' && expiresAt <= old) ||
          (it === 'lt' && expiresAt >= old),
      )
      if (refused) return { after: held, reply: 0 }
      return { after: expiresAt <= now ? undefined : { value: held.value, expiresAt }, reply: 1 }
    },
    { isTimed: () => timed },
  )
}

function renaming(reply: (isThere: boolean) => unknown, { onlyNew = false } = {}): Command {
  return {
    subjects: ([from, to]) =>
      from!.equals(to!)
        ? [{ key: from!, type: undefined }]
        : [
            { key: from!, type: undefined },
            { key: to!, type: undefined },
          ],
    needsBase: () => true,
    run: (held, [from, to]) => {
      const [source, destination] = held
      if (!source) throw new CommandError('ERR no such key')
      if (from!.equals(to!)) return { after: held, reply: reply(true) }
      if (onlyNew && destination) return { after: held, reply: reply(true) }
      return { after: [undefined, source], reply: reply(false) }
    },
  }
}
