import { type CommandRunner, type Invocation, refuse } from '../command-run.ts'

export interface WrapParts {
  readonly runner: CommandRunner
  /** The keys of a command, by the client library's own table; empty for what is no command. */
  readonly keysOf: (name: string, args: readonly (string | Buffer)[]) => readonly Buffer[]
}

/** A client with a method for each command, as ioredis has it. */
// biome-ignore lint/suspicious/noExplicitAny: whatever the application's client has
type Client = Record<string | symbol, any>

/**
 * The application's ioredis client, with its commands on keys that a plan claims routed by that plan; everything else reaches the client as
 * it is. A command on a claimed key that cannot be carried out right is refused, in every phase from A on.
 */
export function wrapClient<C extends object>(client: C, given: WrapParts): C {
  const { options, scriptsSet } = client as Client
  // Others have commands of these names too, and take and give something else.
  if (typeof scriptsSet !== 'object')
    throw refuse(
      'wrap',
      'a client that is neither of ioredis nor of @upstash/redis',
      'Use one of these, or store().',
    )
  // The keys of plans are whole keys; those of this client's commands would be halves.
  if (options?.keyPrefix)
    throw refuse('wrap', 'a client that has a keyPrefix', 'Leave it out, and put it into the keys.')
  const parts = { ...given, keysOf: withScripts(client, given.keysOf) }
  return new Proxy(client, {
    get: (target, property) => {
      const value = (target as Client)[property]
      if (typeof property !== 'string' || typeof value !== 'function') return value
      if (property === 'multi' || property === 'pipeline')
        return (...args: unknown[]) =>
          batch(value.apply(target, args), property, parts, wrapClient(client, parts))
      if (property === 'duplicate')
        return (...args: unknown[]) => wrapClient(value.apply(target, args), parts)
      if (property === 'sendCommand')
        return (...args: unknown[]) => {
          const { name, args: words } = args[0] as {
            readonly name: string
            readonly args: readonly unknown[]
          }
          if (parts.runner.isClaimed(callOf(name, words, parts).keys))
            throw refuse(name, 'a key that a plan claims, by sendCommand(),', 'Call the command by its name.')
          return value.apply(target, args)
        }
      if (OTHERS.has(property)) return value.bind(target)
      return (...args: unknown[]) => {
        const called = callOf(property, args, parts)
        if (!parts.runner.isClaimed(called.keys)) return value.apply(target, args)
        return run(called, parts, () => value.apply(target, args))
      }
    },
  })
}

/** The same, with the keys of the commands that the application defined as scripts: nobody else knows that they have any. */
function withScripts(client: Client, keysOf: WrapParts['keysOf']): WrapParts['keysOf'] {
  return (name, args) => {
    const scripts: Readonly<Record<string, { readonly numberOfKeys: number | null }>> =
      client.scriptsSet ?? {}
    const found = Object.keys(scripts).find((it) => it.toLowerCase() === name)
    if (found === undefined) return keysOf(name, args)
    const count = scripts[found]!.numberOfKeys
    const keys = count === null ? args.slice(1, 1 + Number(String(args[0]))) : args.slice(0, count)
    return keys.map((it) => Buffer.from(it))
  }
}

/** Methods of ioredis that are no commands, or have no keys. */
const OTHERS: ReadonlySet<string> = new Set(
  `on once off addListener removeListener removeAllListeners emit listeners listenerCount connect disconnect quit end exec defineCommand
  monitor subscribe psubscribe unsubscribe punsubscribe publish setMaxListeners getMaxListeners eventNames silentEmit`.split(
    /\s+/,
  ),
)

/** One command as the application calls it. */
interface Call extends Invocation {
  /** `getBuffer`: it wants bytes. */
  readonly asBytes: boolean
  readonly callback: boolean
}

function callOf(property: string, given: readonly unknown[], { keysOf }: WrapParts): Call {
  const isCall = property === 'call' || property === 'callBuffer'
  const method =
    isCall && property === 'callBuffer' ? `${String(given[0])}Buffer` : isCall ? String(given[0]) : property
  const all = isCall ? given.slice(1) : given
  const asBytes = method.endsWith('Buffer')
  const name = (asBytes ? method.slice(0, -6) : method).toLowerCase()
  const callback = typeof all.at(-1) === 'function'
  const args = flattened(name, callback ? all.slice(0, -1) : all)
  return { name, args, keys: keysOf(name, args), asBytes, callback }
}

async function run(call: Call, { runner }: WrapParts, native: () => Promise<unknown>): Promise<unknown> {
  if (call.callback)
    throw refuse(
      call.name,
      'a key that a plan claims, with a callback,',
      'Use the promise that the command gives.',
    )
  const { reply, isNative } = await runner.run(call, native)
  return call.asBytes || isNative ? reply : asText(reply)
}

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
 * command, in its order; a transaction with some is one write on each side.
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
          if (kind === 'multi') return together(queued, parts)
          const results: [Error | null, unknown][] = []
          for (const it of queued)
            results.push(
              await Promise.resolve(wrapped[it.method](...it.args)).then(
                (reply: unknown) => [null, reply],
                (error: Error) => [error, undefined],
              ),
            )
          return results
        }
      if (OTHERS.has(property)) return value.bind(target)
      return (...args: unknown[]) => {
        queued.push({ method: property, args })
        hasClaimed ||= parts.runner.isClaimed(callOf(property, args, parts).keys)
        value.apply(target, args)
        return proxy
      }
    },
  })
  return proxy
}

async function together(
  queued: readonly { readonly method: string; readonly args: readonly unknown[] }[],
  parts: WrapParts,
): Promise<[Error | null, unknown][]> {
  const calls = queued.map((it) => callOf(it.method, it.args, parts))
  if (calls.some((it) => it.callback))
    throw refuse('MULTI', 'keys that a plan claims, with callbacks,', 'Use what exec() gives.')
  const outcomes = await parts.runner.together(calls)
  return outcomes.map((it, index) => {
    if ('error' in it) return [it.error, undefined]
    return [null, calls[index]!.asBytes ? it.reply : asText(it.reply)]
  })
}
