import { refuse } from '../command-refusal.ts'
import { batch } from './batch.ts'
import { asText, type Call, type Client, callOf, isPlain, refuseSent, type WrapParts } from './call.ts'
import { Watches } from './watches.ts'

/**
 * The application's ioredis client, with its commands on keys that a plan claims routed by that plan; everything else reaches the client as
 * it is. A command on a claimed key that cannot be carried out right is refused, in every phase from A on.
 */
export function wrapClient<C extends object>(
  client: C,
  given: WrapParts & { readonly database?: number | undefined },
): C {
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
  // What it reads by itself and what is written for it would be two databases.
  if (typeof options?.db === 'number' && given.database !== undefined && options.db !== given.database)
    throw refuse(
      'wrap',
      `a client of database ${options.db}, where the source is database ${given.database},`,
      'Connect it to the database of the source, or name another source: wrap(client, source).',
    )
  const watches = new Watches(given.runner)
  const parts = { ...given, keysOf: withScripts(client, given.keysOf), watches, wrapped: () => wrapped }
  // Between multi({ pipeline: false }) and exec() commands are sent one by one, and what is ours would not be among them.
  let isInline = false
  const special: Readonly<Record<string, (value: Client, args: readonly unknown[]) => unknown>> = {
    multi: (value, args) => {
      if ((args.at(-1) as { pipeline?: boolean } | undefined)?.pipeline !== false)
        return batch(value.apply(client, args), 'multi', parts, args[0])
      if (watches.isOurs)
        throw refuse(
          'multi',
          'a key that a plan claims and that is watched, with { pipeline: false },',
          'Use multi() and exec() as a chain.',
        )
      isInline = true
      return value.apply(client, args)
    },
    pipeline: (value, args) => batch(value.apply(client, args), 'pipeline', parts, args[0]),
    duplicate: (value, args) => wrapClient(value.apply(client, args), given),
    sendCommand: (value, args) => {
      refuseSent(args[0] as Call, parts)
      return value.apply(client, args)
    },
    watch: (value, args) => {
      const { keys } = callOf('watch', args, parts)
      return watches.watch(keys, () => value.apply(client, args))
    },
    unwatch: (value, args) => {
      watches.end()
      return value.apply(client, args)
    },
    exec: (value, args) => endInline(() => value.apply(client, args)),
    discard: (value, args) => endInline(() => value.apply(client, args)),
  }
  const endInline = (work: () => unknown): unknown => {
    isInline = false
    watches.end()
    return work()
  }
  const wrapped: Client = new Proxy(client as Client, {
    get: (target, property) => {
      const value = target[property]
      if (typeof property !== 'string' || typeof value !== 'function') return value
      const own = Object.hasOwn(special, property) ? special[property] : undefined
      if (own) return (...args: unknown[]) => own(value, args)
      if (isPlain(property)) return value.bind(target)
      const scan = SCAN_STREAM.exec(property)?.[1]
      if (scan !== undefined)
        return (...args: unknown[]) => {
          parts.runner.mayReadSource(scan, [Buffer.from(args[0] as string)])
          return value.apply(target, args)
        }
      return (...args: unknown[]) => {
        const called = callOf(property, args, parts)
        if (called.name === 'watch') return special.watch!(target.watch, called.args)
        if (!parts.runner.concerns(called)) return value.apply(target, args)
        if (isInline)
          throw refuse(
            called.name,
            'a key that a plan claims, after multi({ pipeline: false }),',
            'Use multi() and exec() as a chain.',
          )
        return run(called, parts, () => value.apply(target, args))
      }
    },
  })
  return wrapped as C
}

/** The elements of a key, page by page, by a command that the stream sends itself. */
const SCAN_STREAM = /^([hsz]scan)(?:Buffer)?Stream$/

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
