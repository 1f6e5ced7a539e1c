import { refuse } from '../command-refusal.ts'
import type { CommandRunner, Invocation } from '../command-run.ts'

export interface WrapParts {
  readonly runner: CommandRunner
  /** The keys of a command, or what may be one; empty for what is no command. */
  readonly keysOf: (name: string, args: readonly (string | Buffer)[]) => readonly Buffer[]
}

/** A client with a method for each command, as ioredis has it. */
// biome-ignore lint/suspicious/noExplicitAny: whatever the application's client has
export type Client = Record<string | symbol, any>

const OTHERS: ReadonlySet<string> = new Set(
  `on once off addListener removeListener removeAllListeners emit listeners listenerCount connect disconnect quit end exec defineCommand
  monitor subscribe psubscribe unsubscribe punsubscribe publish setMaxListeners getMaxListeners eventNames silentEmit`.split(
    /\s+/,
  ),
)

/** Is it a method of ioredis that is no command, or has no keys? */
export const isPlain = (method: string): boolean => OTHERS.has(method)

/** One command as the application calls it. */
export interface Call extends Invocation {
  /** `getBuffer`: it wants bytes. */
  readonly asBytes: boolean
  readonly callback: boolean
}

/** A command as the application calls it: the method's name, and what it was given. */
export function callOf(property: string, given: readonly unknown[], { keysOf }: WrapParts): Call {
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

/** Text for bytes. */
export const asText = (reply: unknown): unknown => {
  if (Buffer.isBuffer(reply)) return reply.toString()
  return Array.isArray(reply) ? reply.map(asText) : reply
}

/** A command that goes past its name cannot be routed. */
export function refuseSent(
  { name, args }: { readonly name: string; readonly args: readonly unknown[] },
  parts: WrapParts,
): void {
  if (parts.runner.concerns(callOf(name, args, parts)))
    throw refuse(name, 'a key that a plan claims, by sendCommand(),', 'Call the command by its name.')
}
