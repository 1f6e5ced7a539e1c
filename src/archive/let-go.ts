import { failpoint } from '../failpoint.ts'
import type { Expected, StoreEditor } from '../sources/editor.ts'
import { type Archive, archivedKeys, verifyArchive } from './read-archive.ts'

/** What became of the archived keys in the store. The samples are keys that hold something else by now. */
export interface LetGo {
  readonly removed: number
  readonly changed: number
  readonly gone: number
  readonly samples: readonly Buffer[]
}

const TOGETHER = 500
const SAMPLES = 10

/**
 * Deletes from the store exactly what an archive holds: the archive is verified first, byte for byte, and each key goes only if the store
 * still holds what was archived. May be killed and run again.
 */
export async function letGo(
  archive: Archive,
  editor: StoreEditor,
  options: {
    readonly signal: AbortSignal
    /** Called before each batch: throws if it must not go on. */
    readonly fence?: () => Promise<void>
    readonly progress?: (keys: number) => void
  },
): Promise<LetGo> {
  const { signal, fence, progress } = options
  await verifyArchive(archive)
  const counts = { removed: 0, changed: 0, gone: 0 }
  const samples: Buffer[] = []
  let batch: Expected[] = []
  const flush = async (): Promise<void> => {
    signal.throwIfAborted()
    await fence?.()
    const answers = await editor.remove(batch)
    failpoint('archive.keys-removed')
    for (const [index, answer] of answers.entries()) {
      counts[answer] += 1
      if (answer === 'changed' && samples.length < SAMPLES) samples.push(batch[index]!.key)
    }
    batch = []
    progress?.(counts.removed + counts.changed + counts.gone)
  }
  for await (const { parts, digest } of archivedKeys(archive)) {
    const { key } = parts[0]!
    batch.push({ key, digest })
    if (batch.length >= TOGETHER) await flush()
  }
  if (batch.length > 0) await flush()
  return { ...counts, samples }
}
