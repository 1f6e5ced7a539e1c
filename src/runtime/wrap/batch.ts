import { refuse } from '../command-refusal.ts'
import type { Watching } from '../watching.ts'
import { asText, type Client, callOf, isPlain, refuseSent, type WrapParts } from './call.ts'
import type { Watches } from './watches.ts'

interface Queued {
  readonly method: string
  readonly args: readonly unknown[]
}

export interface BatchParts extends WrapParts {
  readonly watches: Watches
  /** The wrapped client, for the commands of a pipeline. */
  readonly wrapped: () => Client
}

/**
 * A pipeline or transaction of the application. One without claimed keys is the client's own. A pipeline with some is sent command by
 * command, in its order; a transaction with some, or on the condition of some, is one write on each side. `first`: what it was begun with.
 */
export function batch(
  native: Client,
  kind: 'multi' | 'pipeline',
  parts: BatchParts,
  first: unknown,
): unknown {
  const queued: Queued[] = []
  let isOurs = false
  const add = (method: string, args: readonly unknown[]): void => {
    queued.push({ method, args })
    isOurs ||= parts.runner.concerns(callOf(method, args, parts))
  }
  const addAll = (commands: unknown): void => {
    if (Array.isArray(commands)) for (const [method, ...args] of commands) add(String(method), args)
  }
  const exec = async (alone: () => unknown): Promise<unknown> => {
    if (kind === 'pipeline') return isOurs ? inTurn(queued, parts) : alone()
    const watching = parts.watches.take()
    if (!isOurs && !watching) {
      try {
        return await alone()
      } finally {
        parts.watches.end()
      }
    }
    try {
      if (parts.watches.hasNative)
        throw refuse(
          'exec',
          'keys that a plan claims, after a WATCH on some that none claims,',
          'Watch at least one key of the plan with them.',
        )
      return await together(queued, parts, watching)
    } finally {
      watching?.close()
    }
  }
  addAll(first)
  const proxy: unknown = new Proxy(native, {
    get: (target, property) => {
      const value = target[property]
      if (typeof property !== 'string' || typeof value !== 'function') return value
      if (property === 'exec' || property === 'execBuffer')
        return (...args: unknown[]) => {
          const isNested = kind === 'pipeline' && queued.some((it) => it.method === 'multi')
          if (isOurs && (isNested || property === 'execBuffer' || typeof args[0] === 'function'))
            throw refuse(
              property,
              'keys that a plan claims, with a callback, as bytes, or within a pipeline,',
              'Begin with multi(), and await what exec() gives.',
            )
          if (!isNested) return exec(() => value.apply(target, args))
          const ended = value.apply(target, args)
          return ended === target ? proxy : ended
        }
      if (property === 'addBatch')
        return (commands: unknown) => {
          addAll(commands)
          value.call(target, commands)
          return proxy
        }
      if (property === 'sendCommand')
        return (command: { readonly name: string; readonly args: readonly unknown[] }) => {
          refuseSent(command, parts)
          return value.call(target, command)
        }
      if (isPlain(property)) return value.bind(target)
      return (...args: unknown[]) => {
        add(property, args)
        value.apply(target, args)
        return proxy
      }
    },
  })
  return proxy
}

async function inTurn(
  queued: readonly Queued[],
  { wrapped }: BatchParts,
): Promise<readonly (readonly [Error | null, unknown])[]> {
  const results: [Error | null, unknown][] = []
  for (const it of queued)
    results.push(
      await Promise.resolve(wrapped()[it.method](...it.args)).then(
        (reply: unknown) => [null, reply],
        (error: Error) => [error, undefined],
      ),
    )
  return results
}

/** Null where something has changed that was watched, as Redis says it. */
async function together(
  queued: readonly Queued[],
  parts: BatchParts,
  watching: Watching | undefined,
): Promise<readonly (readonly [Error | null, unknown])[] | null> {
  const calls = queued.map((it) => callOf(it.method, it.args, parts))
  if (calls.some((it) => it.callback))
    throw refuse('MULTI', 'keys that a plan claims, with callbacks,', 'Use what exec() gives.')
  const outcomes = await parts.runner.together(calls, watching)
  if (!outcomes) return null
  return outcomes.map((it, index) => {
    if ('error' in it) return [it.error, undefined]
    return [null, calls[index]!.asBytes ? it.reply : asText(it.reply)]
  })
}
