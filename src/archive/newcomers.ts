import { HASH, hash64 } from '../hash64.ts'
import { KeySet } from '../key-set.ts'
import type { Router } from '../mapping/mapping.ts'
import type { Source } from '../sources/source.ts'
import { entriesOf } from './plan-entries.ts'
import { type Archive, archivedKeys } from './read-archive.ts'

/** Keys of a plan that its store has and an archive of it has not. */
export interface Newcomers {
  readonly keys: number
  readonly samples: readonly Buffer[]
}

/** Keys of an archive that are held at once, as hashes; a larger one is gone through in shares. */
const AT_ONCE = 2_000_000
const TOGETHER = 500
const SAMPLES = 10

/**
 * Finds the keys that came to a store after it was archived: whoever writes them has not heard that it is retired. Looks at names and
 * types; only what is new is read, since a rule may ask for more than the name.
 */
export async function newcomers(
  archive: Archive,
  source: Source,
  {
    router,
    plan,
    signal,
    atOnce = AT_ONCE,
  }: {
    readonly router: Router
    readonly plan: string
    readonly signal: AbortSignal
    readonly atOnce?: number
  },
): Promise<Newcomers> {
  const shares = Math.max(1, Math.ceil(archive.manifest.keys / atOnce))
  const shareOf = (key: Buffer): number => {
    if (shares === 1) return 0
    hash64(key, 0, key.length)
    return HASH[1]! % shares
  }
  let keys = 0
  const samples: Buffer[] = []
  const look = async (batch: readonly Buffer[]): Promise<void> => {
    for await (const { entries } of entriesOf(source.read(batch), router, plan))
      for (const { key, more } of entries) {
        if (more) continue
        keys += 1
        if (samples.length < SAMPLES) samples.push(Buffer.from(key))
      }
  }
  for (let share = 0; share < shares; share++) {
    const known = new KeySet()
    for await (const { parts } of archivedKeys(archive)) {
      signal.throwIfAborted()
      if (shareOf(parts[0]!.key) === share) known.add(parts[0]!.key)
    }
    let batch: Buffer[] = []
    const pages = source.scan({
      prefix: Buffer.alloc(0),
      want: (key) => (router.mayClaim(key) === 'nothing' ? 'nothing' : 'key'),
    })
    for await (const { entries } of pages) {
      signal.throwIfAborted()
      for (const { key, type } of entries) {
        // What kvmig cannot read is in no archive, and stays in the store.
        if (type.startsWith('unknown:') || shareOf(key) !== share || known.has(key)) continue
        // Keys of other plans are not read: somebody may be waiting for them to be idle. A scan may give a key twice.
        if (!router.route(key, type).some((it) => it.plan === plan) || !known.add(key)) continue
        batch.push(Buffer.from(key))
      }
      if (batch.length < TOGETHER) continue
      await look(batch)
      batch = []
    }
    if (batch.length > 0) await look(batch)
  }
  return { keys, samples }
}
