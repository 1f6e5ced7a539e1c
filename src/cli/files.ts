import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KvmigError } from '../errors.ts'

/** Writes a file that the user named, into a folder that is there. */
export function writeText(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new KvmigError('FILE_WRITE', `${file} cannot be written: ${reason(error)}.`, { cause: error })
  }
}

/** Reads a file that the user named. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new KvmigError('FILE_READ', `${file} cannot be read: ${reason(error)}.`, { cause: error })
  }
}

/** Makes a folder that git does not see: what kvmig keeps for itself. */
export function keepPrivate(folder: string): void {
  const file = join(folder, '.gitignore')
  if (existsSync(file)) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, '*\n')
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOENT: 'there is no such file or folder',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is a file',
  EEXIST: 'a part of its path is a file',
  ENOSPC: 'the disk is full',
}

/** What the system said, in words; its code where there are none. */
function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  return REASONS[code] ?? code
}
