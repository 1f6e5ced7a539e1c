import { failpoint } from '../failpoint.ts'
import { digests } from '../sources/digest.ts'
import type { StoreEditor } from '../sources/editor.ts'
import type { Source } from '../sources/source.ts'
import { type Archive, type ArchivedKey, archivedKeys, verifyArchive } from './read-archive.ts'
import { type Deleted, withoutDeleted } from './without-deleted.ts'

/** What became of the archived keys. `same` was there already; `kept` was there and holds something else, which stays. */
export interface Restored {
  readonly written: number
  readonly same: number
  readonly kept: number
  readonly expired: number
  /** Deleted by the application since, and not brought back. */
  readonly left: number
  readonly samples: readonly Buffer[]
}

const TOGETHER = 200
const SAMPLES = 10

/**
 * Brings the keys of an archive back into a store, with their expiries. The archive is verified first. A key that is there stays as it is
 * unless `replace`; each key is written whole or not at all, so that a run that is killed is simply run again.
 */
export async function restore(
  archive: Archive,
  source: Source,
  editor: StoreEditor,
  options: {
    readonly replace: boolean
    readonly signal: AbortSignal
    /** Records that are not to come back. */
    readonly without?: Deleted
    readonly progress?: (keys: number) => void
  },
): Promise<Restored> {
  const { replace, signal, without, progress } = options
  await verifyArchive(archive)
  const counts = { written: 0, same: 0, kept: 0, expired: 0, left: 0 }
  const samples: Buffer[] = []
  let batch: ArchivedKey[] = []
  const flush = async (): Promise<void> => {
    signal.throwIfAborted()
    const keys = batch.map(({ parts }) => parts[0]!.key)
    const there = await digests(source.read(keys))
    for (const [index, { parts, digest }] of batch.entries()) {
      const name = keys[index]!.toString('latin1')
      const wanted = without ? withoutDeleted(parts, without) : parts
      if (!wanted) counts.left += 1
      else if (there.get(name)?.equals(digest)) counts.same += 1
      else {
        const put = await editor.put(wanted, { replace })
        failpoint('archive.key-restored')
        if (put === 'there' && samples.length < SAMPLES) samples.push(keys[index]!)
        counts[put === 'there' ? 'kept' : put] += 1
      }
    }
    batch = []
    progress?.(Object.values(counts).reduce((sum, it) => sum + it, 0))
  }
  for await (const it of archivedKeys(archive)) {
    batch.push(it)
    if (batch.length >= TOGETHER) await flush()
  }
  if (batch.length > 0) await flush()
  return { ...counts, samples }
}
