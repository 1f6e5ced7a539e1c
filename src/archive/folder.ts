import { createReadStream } from 'node:fs'
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { KvmigError } from '../errors.ts'
import type { Place } from './place.ts'

/** A folder of this machine. What lies there is for its owner only: it holds what the store held. */
export function folderPlace(path: string, label: string): Place {
  return {
    label,
    write: async (name, chunks) => {
      const file = join(path, name)
      try {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 })
        const handle = await open(`${file}.partial`, 'w', 0o600)
        try {
          for await (const chunk of chunks) await handle.writeFile(chunk)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await rename(`${file}.partial`, file)
        await syncFolder(dirname(file))
      } catch (error) {
        throw explained(error, `${label} cannot be written`)
      }
    },
    read: async function* (name) {
      try {
        for await (const chunk of createReadStream(join(path, name))) yield chunk as Buffer
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
          throw explained(error, `${label} cannot be read`)
        throw new KvmigError('ARCHIVE_MISSING', `${label} has no file ${name}.`, {
          hint: 'Is this the folder of an archive, and is it all there?',
        })
      }
    },
  }
}

// A renamed file survives a power cut only when its folder is on the disk too.
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Some file systems do not sync folders; then there is nothing more to do.
    if (!['EINVAL', 'EPERM', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await handle.close()
  }
}

const WHY: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of its path is a file',
  EISDIR: 'a part of its path is a folder',
}

function explained(error: unknown, what: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === undefined || !WHY[code]) return error
  return new KvmigError('ARCHIVE_PLACE', `${what}: ${WHY[code]}.`, { cause: error })
}
