import { KvmigError } from '../../errors.ts'
import type { CompiledMapping, Router } from '../../mapping/mapping.ts'
import { ENTRY_TYPES, type EntryType } from '../../plan/plan.ts'
import type { Change } from '../../sources/change.ts'
import type { Entry } from '../../sources/source.ts'
import type { Row } from '../../value.ts'
import type { Engine } from '../engine.ts'
import { readSide } from '../protocol.ts'
import { nameOf, oneWay, type RecordKind, type Refusal } from '../record-kind.ts'
import type { RecordWrite } from '../record-write.ts'
import { NATIVE_READS, TARGET_READS } from './read-commands.ts'
import { type Subject, WRITE_COMMANDS, type WriteCommand } from './write-commands.ts'

export interface WrapParts {
  readonly engine: Engine
  readonly router: Router
  /** The records of a mapping, or why it has none that can be written twice. */
  readonly kindOf: (mapping: CompiledMapping) => RecordKind | Refusal
  readonly forced: ReadonlyMap<string, 'source' | 'target'>
  /** The keys of a command, by the client library's own table; empty for what is no command. */
  readonly keysOf: (name: string, args: readonly (string | Buffer)[]) => readonly Buffer[]
}

/** A client with a method for each command, as ioredis has it. */
// biome-ignore lint/suspicious/noExplicitAny: whatever the application's client has
type Client = Record<string | symbol, any>

/**
 * The application's client, with its commands on keys that a plan claims routed by that plan; everything else reaches the client as it is.
 * A command on a claimed key that cannot be carried out right is refused, in every phase from A on.
 */
export function wrapClient<C extends object>(client: C, parts: WrapParts): C {
  return new Proxy(client, {
    get: (target, property) => {
      const value = (target as Client)[property]
      if (typeof property !== 'string' || typeof value !== 'function') return value
      if (property === 'multi' || property === 'pipeline')
        return (...args: unknown[]) =>
          batch(value.apply(target, args), property, parts, wrapClient(client, parts))
      if (property === 'duplicate')
        return (...args: unknown[]) => wrapClient(value.apply(target, args), parts)
      if (OTHERS.has(property)) return value.bind(target)
      return (...args: unknown[]) => {
        const isCall = property === 'call' || property === 'callBuffer'
        const name = isCall ? String(args[0]) : property
        const given = isCall ? args.slice(1) : args
        const command = new Invocation(name, given, parts)
        return command.isClaimed ? command.run(() => value.apply(target, args)) : value.apply(target, args)
      }
    },
  })
}

/** Methods of ioredis that are no commands, or have no keys. */
const OTHERS: ReadonlySet<string> = new Set([
  'on',
  'once',
  'off',
  'addListener',
  'removeListener',
  'removeAllListeners',
  'emit',
  'listeners',
  'listenerCount',
  'connect',
  'disconnect',
  'quit',
  'end',
  'exec',
  'defineCommand',
  'monitor',
  'subscribe',
  'psubscribe',
  'unsubscribe',
  'punsubscribe',
  'publish',
  'setMaxListeners',
  'getMaxListeners',
  'eventNames',
  'silentEmit',
  'sendCommand',
])

/** One command of the application. */
class Invocation {
  readonly #name: string
  readonly #asBytes: boolean
  readonly #args: readonly Buffer[]
  readonly #parts: WrapParts
  readonly #keys: readonly Buffer[]
  readonly #callback: boolean

  constructor(method: string, args: readonly unknown[], parts: WrapParts) {
    this.#asBytes = method.endsWith('Buffer')
    this.#name = (this.#asBytes ? method.slice(0, -6) : method).toLowerCase()
    this.#callback = typeof args.at(-1) === 'function'
    const words = flattened(this.#name, this.#callback ? args.slice(0, -1) : args)
    this.#args = words
    this.#parts = parts
    this.#keys = parts.keysOf(this.#name, words)
  }

  get isClaimed(): boolean {
    return this.#keys.some((key) => this.#parts.router.mayClaim(key) === 'entry')
  }

  async run(native: () => unknown): Promise<unknown> {
    if (this.#callback) throw refuse(this.#name, 'a callback', 'Use the promise that the command gives.')
    const write = WRITE_COMMANDS[this.#name]
    const reply = write ? await this.#write(write) : await this.#read(native)
    return this.#asBytes ? reply : asText(reply)
  }

  async #write(command: WriteCommand): Promise<unknown> {
    const { engine } = this.#parts
    const subjects = command.subjects(this.#args, (key, type) => this.#elementOf(key, type) !== 'key')
    const kinds = subjects.map((it) => this.#kindOf(it))
    const [plan, ...others] = new Set(kinds.map((it) => it?.plan))
    if (plan === undefined || others.length > 0)
      throw refuse(
        this.#name,
        'keys of several plans, or some that none claims',
        'Send one command for each plan.',
      )
    for (;;) {
      const answer = await engine.command(plan, this.#keys, [Buffer.from(this.#name), ...this.#args])
      if (answer) return answer.reply
      const now = TIMED.test([this.#name, ...this.#args.slice(2)].join(' '))
        ? await engine.clock(kinds[0]!.source)
        : Number.NaN
      const context = { now, byElement: subjects[0]!.element !== 'key' }
      let reply: unknown
      const records = subjects.map((it, index) => ({ kind: kinds[index]!, place: placeOf(it) }))
      if (command.isBlind?.(this.#args)) {
        const effect = command.effect([], this.#args, context)
        await engine.write(
          plan,
          effect.changes.map((change, index) => this.#writeOf(records[index]!, change, undefined)),
        )
        return effect.reply
      }
      const written = await engine.modify(plan, {
        records,
        needsBase: this.#needsBase(command, subjects),
        decide: (bases) => {
          const effect = command.effect(bases, this.#args, context)
          reply = effect.reply
          if (effect.changes.every((it) => it === undefined)) return undefined
          return effect.changes.map((change, index) => this.#writeOf(records[index]!, change, bases[index]))
        },
      })
      if (written) return reply
    }
  }

  // A field of a record that is a whole hash: the others stay what they are.
  #needsBase(command: WriteCommand, subjects: readonly Subject[]): boolean {
    const isPart = this.#name.startsWith('h') && subjects[0]!.element === 'key'
    return isPart || command.needsBase(this.#args)
  }

  #writeOf(
    { kind, place }: Pick<RecordWrite, 'kind' | 'place'>,
    change: Change | undefined,
    base: Entry | undefined,
  ): RecordWrite {
    // What stays is written as it is: all records of a command have their version raised.
    const kept: Change =
      change ?? (base?.value ? { do: 'put', value: base.value, expiresAt: base.expiresAt } : { do: 'delete' })
    if (kept.do === 'delete') return { kind, place, row: undefined, change: kept }
    const made = kind.forward(place, {
      key: place.key,
      type: kept.value.type,
      value: kept.value,
      // The key's expiry stays when an element is written.
      expiresAt: kept.expiresAt ?? (place.part === '' ? null : (base?.expiresAt ?? null)),
      offset: 0,
      more: false,
    })
    if (made.fate === 'rejected') {
      const { column, message, code } = made.reject
      throw new KvmigError(
        'REJECTED',
        `${nameOf(kind)}${column === undefined ? '' : `, column ${column}`}: ${message} (${code})`,
      )
    }
    return { kind, place, row: made.fate === 'row' ? made.row : undefined, change: kept }
  }

  async #read(native: () => unknown): Promise<unknown> {
    const { engine, forced } = this.#parts
    if (!NATIVE_READS.has(this.#name))
      throw refuse(
        this.#name,
        'a key that a plan claims',
        'Write it as one of the commands that dual-write knows (docs/runtime.md), or use store().',
      )
    const plans = new Set(this.#keys.flatMap((key) => this.#plansOf(key)))
    const entered = await Promise.all([...plans].map((plan) => engine.options.watcher.enter(plan, 'read')))
    try {
      const sides = [...plans].map((plan, index) => forced.get(plan) ?? readSide(entered[index]!.phase))
      for (const plan of plans) engine.options.recorder.count(plan, 'source.read')
      if (sides.every((it) => it === 'source')) {
        return await native()
      }
      return await this.#readTarget()
    } finally {
      for (const it of entered) it.leave()
    }
  }

  async #readTarget(): Promise<unknown> {
    const { engine } = this.#parts
    const command = TARGET_READS[this.#name]
    if (!command)
      throw refuse(this.#name, 'a key whose plan is read from Postgres', 'Read it with store(), or with SQL.')
    const subjects = command.subjects(this.#args, (key, type) => this.#elementOf(key, type) !== 'key')
    const entries = await Promise.all(
      subjects.map(async (subject): Promise<Entry | undefined> => {
        const kind = this.#kindOf(subject)
        if (!kind)
          throw refuse(this.#name, 'keys of which some are claimed by no plan', 'Send one command for each.')
        if (!kind.changeOf) throw oneWay(kind)
        const place = placeOf(subject)
        const row: Row | undefined = await engine.options.recorder.time(kind.plan, 'target', 'get', () =>
          engine.rows.read(kind, kind.keyOf(place)),
        )
        const change = row && kind.changeOf(row)
        if (change?.do !== 'put') return undefined
        const { value, expiresAt } = change
        return { key: place.key, type: value.type, value, expiresAt, offset: 0, more: false }
      }),
    )
    return command.reply(entries, this.#args)
  }

  #plansOf(key: Buffer): readonly string[] {
    return ENTRY_TYPES.flatMap((type) =>
      this.#parts.router.route(key, type).flatMap((it) => (it.kind === 'mappings' ? it.plan : [])),
    )
  }

  #elementOf(key: Buffer, type: EntryType): RecordKind['element'] {
    const [claim] = this.#parts.router.route(key, type)
    if (claim?.kind !== 'mappings') return 'key'
    const each = claim.mappings[0]!.mapping.each?.kind
    return each === 'field' || each === 'member' ? each : 'key'
  }

  /** The records that a subject is one of; undefined where no plan claims the key. */
  #kindOf({ key, element, type }: Subject): RecordKind | undefined {
    const { router, kindOf } = this.#parts
    const types = type ? [type] : ENTRY_TYPES
    const claims = new Set<CompiledMapping>()
    for (const it of types) {
      const routes = router.route(key, it)
      if (routes.length > 1 && routes[0]?.kind === 'mappings')
        throw refuse(this.#name, 'a key of which the value decides whose it is', 'Use store(), which knows.')
      if (routes[0]?.kind === 'mappings') for (const mapping of routes[0].mappings) claims.add(mapping)
    }
    const [mapping, ...more] = claims
    if (!mapping) return undefined
    if (more.length > 0)
      throw refuse(
        this.#name,
        'a key that several mappings read',
        'Such plans are copied, not dual-written, in this version.',
      )
    const kind = kindOf(mapping)
    if ('because' in kind)
      throw new KvmigError(
        'DUAL_WRITE',
        `The records of ${mapping.plan} ${kind.mapping} cannot be written to both sides: ${kind.because}.`,
      )
    if (kind.element !== element)
      throw refuse(
        this.#name,
        `a key of which each ${kind.element} is a record`,
        `Name the ${kind.element}s: a write of all of them at once would have to lock them all.`,
      )
    return kind
  }
}

/** Commands and options that count from now. */
const TIMED = /^p?(expire|expireat|setex)( |$)|^set .*\b(ex|px)( |$)/i

const placeOf = ({ key, element, name }: Subject) => ({
  key,
  part: element === 'key' ? '' : `${element}:${name!.toString()}`,
})

const refuse = (command: string, on: string, hint: string): KvmigError =>
  new KvmigError('COMMAND_UNSUPPORTED', `${command.toUpperCase()} with ${on} is not carried to both sides.`, {
    hint,
  })

/** Arguments as ioredis flattens them: lists, and for some commands objects and maps. Bytes stay bytes. */
function flattened(name: string, args: readonly unknown[]): Buffer[] {
  return args.flatMap((it): Buffer[] => {
    if (Buffer.isBuffer(it)) return [it]
    if (Array.isArray(it)) return flattened(name, it)
    if (it instanceof Map) return flattened(name, [...it].flat())
    if (typeof it === 'object' && it !== null) return flattened(name, Object.entries(it).flat())
    // ioredis would send '' for these, and nobody means that.
    if (it === undefined || it === null)
      throw new TypeError(`${name.toUpperCase()} was given ${String(it)} as an argument`)
    return [Buffer.from(String(it))]
  })
}

const asText = (reply: unknown): unknown => {
  if (Buffer.isBuffer(reply)) return reply.toString()
  return Array.isArray(reply) ? reply.map(asText) : reply
}

/**
 * A pipeline or transaction of the application. One without claimed keys is the client's own. A pipeline with some is sent command by
 * command, in its order; a transaction with some is refused, because its commands would have to be one write on both sides.
 */
function batch(native: Client, kind: 'multi' | 'pipeline', parts: WrapParts, wrapped: Client): unknown {
  const queued: { readonly method: string; readonly args: readonly unknown[] }[] = []
  let hasClaimed = false
  const proxy: unknown = new Proxy(native, {
    get: (target, property) => {
      const value = target[property]
      if (typeof property !== 'string' || typeof value !== 'function') return value
      if (property === 'exec')
        return async (...args: unknown[]) => {
          if (!hasClaimed) return value.apply(target, args)
          if (kind === 'multi')
            throw refuse(
              'multi',
              'keys that a plan claims',
              'Send the commands by themselves, or use store().',
            )
          const results: [Error | null, unknown][] = []
          for (const it of queued)
            results.push(
              await wrapped[it.method](...it.args).then(
                (reply: unknown) => [null, reply],
                (error: Error) => [error, undefined],
              ),
            )
          return results
        }
      if (OTHERS.has(property)) return value.bind(target)
      return (...args: unknown[]) => {
        queued.push({ method: property, args })
        hasClaimed ||= new Invocation(property, args, parts).isClaimed
        value.apply(target, args)
        return proxy
      }
    },
  })
  return proxy
}
