import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { SourceError } from '../errors.ts'

/** A file that holds a store. It stays the same file while it is open, whatever is put in its place. */
export interface DataFile {
  readonly descriptor: number
  readonly size: number
  /** Size, time of the last change, and a digest of the first and last 64 KB. */
  readonly identity: string
  close(): Promise<void>
}

/** Opens it for reading. Throws SourceError SOURCE_FILE. */
export async function openDataFile(path: string, label: string): Promise<DataFile> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    throw unreadable(label, path, error)
  }
  try {
    const { size, mtimeNs } = await handle.stat({ bigint: true })
    const digest = createHash('sha256')
      .update(await slice(handle, 0, Math.min(Number(size), ENDS)))
      .update(await slice(handle, Math.max(0, Number(size) - ENDS), Math.min(Number(size), ENDS)))
      .digest('hex')
    return {
      descriptor: handle.fd,
      size: Number(size),
      identity: `file:${size}:${mtimeNs}:${digest.slice(0, 32)}`,
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw unreadable(label, path, error)
  }
}

const ENDS = 64 * 1024

async function slice(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await handle.read(buffer, 0, length, position)
  return buffer.subarray(0, bytesRead)
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EISDIR: 'it is a folder',
}

function unreadable(label: string, path: string, error: unknown): SourceError {
  const { code = '' } = error as NodeJS.ErrnoException
  return new SourceError('SOURCE_FILE', `${label} cannot be read: ${WHY[code] ?? code} (${path}).`, {
    hint: 'Relative paths begin at the folder of the project file.',
    cause: error,
  })
}
