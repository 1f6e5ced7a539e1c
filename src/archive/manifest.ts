import { createHash } from 'node:crypto'
import { KvmigError } from '../errors.ts'

/** What an archive holds: written last, so that an archive without it was not finished. Names no key and no value. */
export interface Manifest {
  readonly version: 1
  /** The kvmig that wrote it. */
  readonly kvmig: string
  readonly plan: string
  /** Of the source, without credentials. */
  readonly source: string
  /** By the clock of the database, as ISO times. */
  readonly archivedAt: string
  /** Until then the keys stay in the store. */
  readonly keepUntil: string
  readonly keys: number
  readonly parts: readonly ArchivePart[]
}

export interface ArchivePart {
  /** File name beside the manifest: gzip, one entry a line as `ndjson:` has it. */
  readonly name: string
  readonly bytes: number
  /** Of the file's bytes. */
  readonly sha256: string
  readonly lines: number
  readonly keys: number
  /** SHA-256 over the digests of its keys in order (`EntryDigest`): what was read back is what was in the store. */
  readonly content: string
}

export const MANIFEST = 'manifest.json'

/** The manifest as its file has it, with a checksum of itself. */
export function writeManifest(manifest: Manifest): string {
  return `${JSON.stringify({ ...manifest, sha256: checksum(manifest) }, null, 2)}\n`
}

/** Reads it back. Throws ARCHIVE_CORRUPT for anything that `writeManifest` did not write. */
export function readManifest(text: string, label: string): Manifest {
  const found = parse(text)
  if (!found) throw corrupt(label, `${MANIFEST} is no JSON`)
  const { sha256, ...manifest } = found
  if (manifest.version !== 1)
    throw new KvmigError('ARCHIVE_NEWER', `${label} was written by another version of kvmig.`, {
      hint: 'Use the version that its manifest names.',
    })
  // Whatever was touched does not add up any more: the rest of its shape needs no second look.
  if (sha256 !== checksum(manifest as unknown as Manifest))
    throw corrupt(label, `${MANIFEST} is not as it was written`)
  return manifest as unknown as Manifest
}

export const corrupt = (label: string, what: string): KvmigError =>
  new KvmigError('ARCHIVE_CORRUPT', `${label} is damaged: ${what}.`, {
    hint: 'Nothing is deleted from the store on the word of this archive. While the store still has the data, archive again.',
  })

const checksum = (manifest: Manifest): string =>
  createHash('sha256').update(JSON.stringify(manifest)).digest('hex')

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const found: unknown = JSON.parse(text)
    return typeof found === 'object' && found !== null && !Array.isArray(found)
      ? (found as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
