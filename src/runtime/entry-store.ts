import { KvmigError } from '../errors.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import { keyFrom } from '../mapping/text-of.ts'
import type { EntryValue } from '../sources/source.ts'
import { dualWrite } from './command-refusal.ts'
import type { CommandRunner, Invocation } from './command-run.ts'
import type { Outcome } from './command-work.ts'
import type { Command } from './commands/command.ts'
import type { Content } from './commands/content.ts'
import type { Engine } from './engine.ts'
import { entryCodec } from './entry-value.ts'
import type { KeyClaims } from './key-claims.ts'
import { readSide } from './protocol.ts'
import type { Shadow } from './shadow.ts'

/** Entries that are several rows: written, read and deleted as a whole, as the application thinks of them. */
export interface EntryStore<K extends object = Record<string, string>, V = unknown> {
  /** The entry of a key (the captures of the mapping's `match`); undefined where there is none. Throws ONE_WAY as a wrapped client does. */
  get(key: K): Promise<V | undefined>
  /** Writes an entry over what is there. `expiresAt`: when it ends; left out: never. Throws REJECTED, WRITE_REFUSED, WRITE_UNCONFIRMED, WRITE_UNKNOWN. */
  put(key: K, value: V, options?: { readonly expiresAt?: Date | undefined }): Promise<void>
  /**
   * Writes what `change` makes of what is there, while nobody else can write it; undefined: no entry. Its expiry stays. `change` may be called
   * again, with what is there by then.
   */
  update(key: K, change: (value: V | undefined) => V | undefined): Promise<V | undefined>
  delete(key: K): Promise<void>
}

export interface EntryStoreParts {
  readonly mapping: CompiledMapping
  readonly engine: Engine
  readonly claims: KeyClaims
  readonly runner: CommandRunner
  readonly shadow: Shadow
  readonly forced: 'source' | 'target' | undefined
}

export function entryStore(parts: EntryStoreParts): EntryStore {
  const { mapping: compiled, engine, claims, runner, shadow } = parts
  const { mapping, plan } = compiled
  const name = `${plan} ${mapping.name}`
  const codec = entryCodec(mapping, name)
  const { recorder, watcher, live } = engine.options

  const keyOf = (key: Readonly<Record<string, unknown>>): Buffer =>
    keyFrom(mapping.match, (root) => {
      if (root === 'key') return undefined
      const given = key[root]
      if (typeof given === 'string') return given
      throw new KvmigError('KEY_MISSING', `${name}: the key has no ${root}, or it is no text.`, {
        hint: `It is made by ${mapping.match.source}.`,
      })
    })
  const wholeOf = (key: Buffer) => {
    const claimed = claims.of('store', key, codec.type)
    if (claimed?.kind.plan !== plan)
      throw new KvmigError('NOT_CLAIMED', `No rule of ${plan} would take this key.`, {
        hint: 'Look at its match, and at the rules before it.',
      })
    const { kind, whole } = claimed
    const read = kind.element === 'key' ? kind : whole
    if ('because' in read) throw dualWrite(plan, read)
    return read
  }
  const call = <T>(operation: 'get' | 'put' | 'delete', work: () => Promise<T>): Promise<T> =>
    recorder.time(plan, 'call', operation, work)

  const read = async (key: Buffer): Promise<EntryValue | undefined> => {
    const kind = wholeOf(key)
    const place = { key, part: '' }
    const entered = await watcher.enter(plan, 'read')
    try {
      const side = parts.forced ?? readSide(entered.phase)
      if (side === 'target')
        return (await recorder.time(plan, 'target', 'get', () => engine.rows.entry(kind, place)))?.value
      recorder.count(plan, 'source.read')
      const store = await live(kind.source)
      const [record] = await recorder.time(plan, 'source', 'get', () => store.read([place]))
      return record?.entry?.value
    } finally {
      entered.leave()
      if (entered.phase === 'B' || entered.phase === 'C') shadow.maybe(() => ({ kind, place }))
    }
  }

  /** In A the source is alone: what is there holds still from WATCH to EXEC, or it begins anew. */
  const updateInSource = async (key: Buffer, change: Change): Promise<'again' | { value: unknown }> => {
    const watching = runner.watching()
    try {
      await watching.add([key])
      const [record] = await (await live(wholeOf(key).source)).read([{ key, part: '' }])
      const before = record?.entry?.value && { value: record.entry.value, expiresAt: record.entry.expiresAt }
      const { after, value } = change(before)
      if (after === before) return { value }
      const outcomes = await runner.within(callsOf(key, commandsOf(after)), watching)
      return done(outcomes) ? { value } : 'again'
    } finally {
      watching.close()
    }
  }

  const write = async (
    key: Buffer,
    change: Change,
    how: { readonly needsBase: boolean },
  ): Promise<unknown> => {
    wholeOf(key)
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      if (watcher.route(plan).phase === 'A') {
        const inSource = await (how.needsBase ? updateInSource : putInSource)(key, change)
        if (inSource !== 'again') return inSource.value
        continue
      }
      const command = writing(codec.type as EntryValue['type'], change, how)
      const [reply] = done(await runner.within([{ name: 'update', args: [key], keys: [key], command }])) ?? []
      if (reply) return reply.reply
    }
    throw new KvmigError(
      'WRITE_REFUSED',
      `A write of ${plan} did not take place: others write the entry all the time.`,
      {
        hint: 'Do it again.',
      },
    )
  }

  /** In A the source is alone. */
  const putInSource = async (key: Buffer, change: Change): Promise<{ value: unknown }> => {
    const { after, value } = change(undefined)
    done(await runner.within(callsOf(key, commandsOf(after))))
    return { value }
  }

  const changing =
    (change: (value: unknown) => unknown): Change =>
    (held) => {
      const value = change(held && codec.fromEntry(held.value))
      if (value === undefined) return { after: undefined, value }
      return { after: { value: codec.toEntry(value), expiresAt: held?.expiresAt ?? null }, value }
    }

  return {
    get: (given) =>
      call('get', async () => {
        const value = await read(keyOf(given))
        return value && codec.fromEntry(value)
      }),
    put: (given, value, { expiresAt } = {}) =>
      call('put', async () => {
        const content = { value: codec.toEntry(value), expiresAt: expiresAt?.getTime() ?? null }
        await write(keyOf(given), () => ({ after: content, value }), { needsBase: false })
      }),
    update: (given, change) =>
      call('put', () => write(keyOf(given), changing(change), { needsBase: true }) as Promise<never>),
    delete: (given) =>
      call('delete', async () => {
        const key = keyOf(given)
        wholeOf(key)
        done(await runner.within(callsOf(key, [['del']])))
      }),
  }
}

type Change = (held: Content | undefined) => { readonly after: Content | undefined; readonly value: unknown }

const MOST_ATTEMPTS = 100

/** What no store has a command for. */
const writing = (
  type: EntryValue['type'],
  change: Change,
  { needsBase }: { readonly needsBase: boolean },
): Command => ({
  subjects: ([key]) => [{ key: key!, type }],
  needsBase: () => needsBase,
  run: ([held]) => {
    const { after, value } = change(held)
    return { after: [after], reply: value }
  },
})

/** The replies; throws the first error. */
function done(outcomes: readonly Outcome[] | undefined): readonly { readonly reply: unknown }[] | undefined {
  return outcomes?.map((it) => {
    if ('error' in it) throw it.error
    return it
  })
}

type Words = readonly (readonly (string | Buffer)[])[]

const callsOf = (key: Buffer, commands: Words): readonly Invocation[] =>
  commands.map(([word, ...args]) => ({
    name: String(word),
    args: [key, ...args.map((it) => Buffer.from(it as Buffer))],
    keys: [key],
  }))

/** The commands that make a key hold this, and nothing else. */
function commandsOf(content: Content | undefined): Words {
  if (!content) return [['del']]
  const { value, expiresAt } = content
  const until = expiresAt === null ? [] : [['pexpireat', String(expiresAt)]]
  const filled = (word: string, args: readonly (string | Buffer)[]) =>
    args.length === 0 ? [['del']] : [['del'], [word, ...args], ...until]
  switch (value.type) {
    case 'string':
      return [['set', value.bytes, ...(expiresAt === null ? [] : ['pxat', String(expiresAt)])]]
    case 'list':
      return filled('rpush', value.items)
    case 'set':
      return filled('sadd', value.members)
    case 'hash':
      return filled('hset', value.pairs)
    case 'zset':
      return filled(
        'zadd',
        value.members.flatMap((it, at) => [String(value.scores[at]), it]),
      )
    default:
      throw new Error(`no command writes a ${value.type}`)
  }
}
