import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip as gzipCallback } from 'node:zlib'
import { failpoint } from '../failpoint.ts'
import { KeySet } from '../key-set.ts'
import { EntryDigest } from '../sources/digest.ts'
import { entryToLine } from '../sources/ndjson/write.ts'
import type { Page } from '../sources/source.ts'
import { type ArchivePart, MANIFEST, type Manifest, writeManifest } from './manifest.ts'
import type { Place } from './place.ts'

export interface ArchiveRequest {
  readonly place: Place
  /** Files of this archive are written under this folder name. */
  readonly folder: string
  readonly pages: AsyncIterable<Page>
  readonly about: Pick<Manifest, 'kvmig' | 'plan' | 'source' | 'archivedAt' | 'keepUntil'>
  /** Bytes of text in one file, about. */
  readonly partBytes?: number
  readonly progress?: (keys: number) => void
}

/** What was written, and how many keys could not be: kvmig cannot read their type, so they stay in the store. */
export interface Archived {
  readonly manifest: Manifest
  readonly unreadable: number
}

const PART_BYTES = 64 * 1024 * 1024
/** Text that is compressed in one go. */
const SQUEEZED = 1024 * 1024

/**
 * Writes the entries of a plan to a place: files of lines, then the manifest, which makes it an archive. A run that is killed leaves no
 * manifest; the next one writes all of it again under the same names.
 */
export async function writeArchive(request: ArchiveRequest): Promise<Archived> {
  const { place, folder, pages, about, partBytes = PART_BYTES, progress } = request
  const counts = { keys: 0, unreadable: 0 }
  const keys = wholeKeys(pages, counts)
  const parts: ArchivePart[] = []
  let next = await keys.next()
  while (!next.done) {
    const name = `part-${String(parts.length + 1).padStart(6, '0')}.ndjson.gz`
    const [file, content] = [createHash('sha256'), createHash('sha256')]
    const tally = { bytes: 0, text: 0, lines: 0, keys: 0 }
    const squeeze = async (text: readonly Buffer[]): Promise<Buffer> => {
      const chunk = await gzip(Buffer.concat(text))
      file.update(chunk)
      tally.bytes += chunk.length
      return chunk
    }
    const chunks = async function* (): AsyncGenerator<Buffer> {
      let [waiting, length]: [Buffer[], number] = [[], 0]
      for (; !next.done && tally.text < partBytes; next = await keys.next()) {
        const { lines, digest } = next.value
        content.update(digest)
        tally.keys += 1
        counts.keys += 1
        for (const line of lines) {
          waiting.push(line)
          length += line.length
          tally.text += line.length
          tally.lines += 1
          if (length < SQUEEZED) continue
          yield await squeeze(waiting)
          ;[waiting, length] = [[], 0]
        }
        progress?.(counts.keys)
      }
      if (waiting.length > 0) yield await squeeze(waiting)
    }
    await place.write(`${folder}/${name}`, chunks())
    failpoint('archive.part-written')
    parts.push({
      name,
      bytes: tally.bytes,
      sha256: file.digest('hex'),
      lines: tally.lines,
      keys: tally.keys,
      content: content.digest('hex'),
    })
  }
  const manifest: Manifest = { version: 1, ...about, keys: counts.keys, parts }
  await place.write(`${folder}/${MANIFEST}`, once(Buffer.from(writeManifest(manifest))))
  failpoint('archive.written')
  return { manifest, unreadable: counts.unreadable }
}

interface WholeKey {
  readonly lines: readonly Buffer[]
  readonly digest: Buffer
}

/**
 * Each key once and whole: SCAN may give one twice, and a collection may begin anew, which voids its parts so far. So the lines of one key
 * are held until it is complete.
 */
async function* wholeKeys(
  pages: AsyncIterable<Page>,
  counts: { unreadable: number },
): AsyncGenerator<WholeKey, undefined> {
  const seen = new KeySet()
  let open: { readonly key: Buffer; readonly digest: EntryDigest; readonly lines: Buffer[] } | undefined
  for await (const { entries } of pages) {
    for (const entry of entries) {
      if (entry.offset === 0)
        open = { key: Buffer.from(entry.key), digest: new EntryDigest(entry), lines: [] }
      if (!open?.key.equals(entry.key)) continue
      open.digest.add(entry)
      open.lines.push(Buffer.from(entryToLine(entry)))
      if (entry.more) continue
      const { key, lines } = open
      const digest = open.digest.finish()
      open = undefined
      if (!seen.add(key)) continue
      if (digest) yield { lines, digest }
      else counts.unreadable += 1
    }
  }
  return undefined
}

const gzip = promisify<Buffer, Buffer>(gzipCallback)

async function* once(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk
}
