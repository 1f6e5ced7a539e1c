import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { EntryDigest } from '../sources/digest.ts'
import { lineToEntry } from '../sources/ndjson/parse.ts'
import type { Entry } from '../sources/source.ts'
import { type ArchivePart, corrupt, MANIFEST, type Manifest, readManifest } from './manifest.ts'
import type { Place } from './place.ts'

/** One key of an archive: its parts in order, and what the store has to hold to be equal to it. */
export interface ArchivedKey {
  readonly parts: readonly Entry[]
  readonly digest: Buffer
}

/** An archive at a place. `label` is for people. */
export interface Archive {
  readonly place: Place
  readonly folder: string
  readonly manifest: Manifest
  readonly label: string
}

/** Opens the archive in a folder of a place. Throws ARCHIVE_MISSING for one that was not finished, ARCHIVE_CORRUPT, ARCHIVE_NEWER. */
export async function openArchive(place: Place, folder: string): Promise<Archive> {
  const label = folder === '.' ? place.label : `${place.label}/${folder}`
  const text = await all(place.read(inFolder(folder, MANIFEST)))
  return { place, folder, label, manifest: readManifest(text.toString('utf8'), label) }
}

/** Reads every byte of an archive back and holds it against the manifest. Throws ARCHIVE_CORRUPT or ARCHIVE_MISSING; gives its keys. */
export async function verifyArchive(archive: Archive, progress?: (keys: number) => void): Promise<number> {
  let keys = 0
  for await (const _ of archivedKeys(archive)) {
    keys += 1
    progress?.(keys)
  }
  return keys
}

/**
 * The keys of an archive, each whole. A file that is not what the manifest says throws ARCHIVE_CORRUPT when its end was read: whoever
 * acts before that has to compare each key with the store, or to verify the archive first.
 */
export async function* archivedKeys(archive: Archive): AsyncGenerator<ArchivedKey> {
  let keys = 0
  for (const part of archive.manifest.parts) {
    for await (const it of keysOf(archive, part)) {
      keys += 1
      yield it
    }
  }
  if (keys !== archive.manifest.keys) throw corrupt(archive.label, 'it has another number of keys')
}

async function* keysOf({ place, folder, label }: Archive, part: ArchivePart): AsyncGenerator<ArchivedKey> {
  const damaged = (what: string): Error => corrupt(label, `${part.name} ${what}`)
  const [file, content] = [createHash('sha256'), createHash('sha256')]
  let [bytes, lines, keys] = [0, 0, 0]
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of place.read(inFolder(folder, part.name))) {
      file.update(chunk)
      bytes += chunk.length
      yield chunk
    }
  }
  let open: { readonly parts: Entry[]; readonly digest: EntryDigest } | undefined
  for await (const line of linesOf(hashed(), damaged)) {
    lines += 1
    const entry = lineToEntry(line, (what) => damaged(`has a line ${lines} that is no entry: ${what}`))
    if (entry.offset === 0) open = { parts: [], digest: new EntryDigest(entry) }
    if (!open) throw damaged(`has a line ${lines} that does not follow the one before`)
    open.parts.push(entry)
    open.digest.add(entry)
    if (entry.more) continue
    const digest = open.digest.finish()
    if (!digest) throw damaged(`has a line ${lines} without a value`)
    keys += 1
    content.update(digest)
    yield { parts: open.parts, digest }
    open = undefined
  }
  if (bytes !== part.bytes || file.digest('hex') !== part.sha256) throw damaged('is not as it was written')
  if (open || lines !== part.lines || keys !== part.keys || content.digest('hex') !== part.content)
    throw damaged('does not hold what was in the store')
}

async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  damaged: (what: string) => Error,
): AsyncGenerator<Buffer> {
  const source = Readable.from(chunks, { objectMode: false })
  const gunzip = createGunzip()
  let failure: unknown
  source.on('error', (error) => {
    failure = error
    gunzip.destroy(error)
  })
  let rest: Buffer[] = []
  try {
    for await (const chunk of source.pipe(gunzip) as AsyncIterable<Buffer>) {
      let start = 0
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        yield Buffer.concat([...rest, chunk.subarray(start, end)])
        rest = []
        start = end + 1
      }
      if (start < chunk.length) rest.push(Buffer.from(chunk.subarray(start)))
    }
  } catch (error) {
    // What zlib says of a file that was cut or changed.
    if (failure === undefined && (error as NodeJS.ErrnoException).code?.startsWith('Z_'))
      throw damaged('cannot be unpacked')
    throw failure ?? error
  } finally {
    source.destroy()
  }
  if (rest.length > 0) throw damaged('ends within a line')
}

async function all(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const found: Buffer[] = []
  for await (const chunk of chunks) found.push(chunk)
  return Buffer.concat(found)
}

const inFolder = (folder: string, name: string): string => (folder === '.' ? name : `${folder}/${name}`)
