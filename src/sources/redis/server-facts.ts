import { SourceError } from '../../errors.ts'
import type { Reply } from './resp.ts'

/** What TIME answers, in milliseconds since 1970. */
export function timeOf(label: string, reply: Reply): number {
  const [seconds, micros] = Array.isArray(reply) ? reply.map((it) => Number(String(it))) : []
  const millis = seconds! * 1000 + Math.floor(micros! / 1000)
  if (Number.isSafeInteger(millis)) return millis
  throw new SourceError('SOURCE_REPLY', `${label} was asked for the time, and answered with something else.`)
}

/** What INFO commandstats says: how often each command was carried out. `config|get` counts as config. */
export function callsOf(reply: Reply): ReadonlyMap<string, number> {
  const calls = new Map<string, number>()
  for (const [, name, count] of String(reply).matchAll(/^cmdstat_([^:|]+)[^:]*:calls=(\d+)/gm))
    calls.set(name!, (calls.get(name!) ?? 0) + Number(count))
  return calls
}

/** Calls of several servers together. */
export function together(all: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const sum = new Map<string, number>()
  for (const it of all) for (const [name, count] of it) sum.set(name, (sum.get(name) ?? 0) + count)
  return sum
}
