import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { isAbsolute, join, relative, sep } from 'node:path'

/** The files of a project, by paths relative to its folder, with `/`. */
export interface ProjectFiles {
  read(path: string): FileContent
  /** Paths that match a pattern with `*` (within one name) and `**` (any folders), sorted. */
  glob(pattern: string): readonly string[]
}

export type FileContent =
  | { readonly bytes: Uint8Array }
  | { readonly refused: 'outside' | 'unreadable'; readonly message: string }

const MAX_BYTES = 8_000_000

/**
 * The files below a folder of this machine. Nothing outside of it is ever opened, not through a symbolic link either, and nothing but
 * regular files: a pipe would wait for ever, a device never end.
 */
export function filesIn(root: string): ProjectFiles {
  const realRoot = realpathSync(root)
  return {
    read: (path) => readInside(realRoot, path),
    glob: (pattern) => match(realRoot, '', pattern.replace(/^\.\//, '').split('/')).sort(),
  }
}

function readInside(root: string, path: string): FileContent {
  const outside = {
    refused: 'outside',
    message: `"${path}" lies outside of the project.`,
  } as const
  const full = join(root, path)
  if (isAbsolute(path) || !isInside(root, full)) return outside
  let handle: number | undefined
  try {
    const real = realpathSync(full)
    if (!isInside(root, real)) return outside
    // NONBLOCK, because opening a pipe waits for its other end.
    handle = openSync(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    const { size } = checkFile(handle, path)
    if (size > MAX_BYTES) throw new Error(`"${path}" has ${size} bytes; at most ${MAX_BYTES} are read.`)
    return { bytes: readFileSync(handle) }
  } catch (error) {
    return { refused: 'unreadable', message: reason(error as NodeJS.ErrnoException, path) }
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

function checkFile(handle: number, path: string) {
  const stats = fstatSync(handle)
  if (!stats.isFile()) throw new Error(`"${path}" is no regular file.`)
  return stats
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path)
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function reason({ code, message }: NodeJS.ErrnoException, path: string): string {
  if (code === 'ENOENT' || code === 'ENOTDIR') return `There is no file "${path}".`
  if (code === 'EACCES' || code === 'EPERM') return `The file "${path}" may not be read.`
  if (code === 'ELOOP') return `"${path}" is a circle of links.`
  return code ? `The file "${path}" cannot be read (${code}).` : message
}

function match(root: string, folder: string, [pattern, ...rest]: readonly string[]): string[] {
  if (pattern === undefined || pattern === '..' || pattern === '') return []
  const entries = list(join(root, folder))
  const found = entries.filter((it) => namePattern(pattern).test(it.name))
  const at = (name: string) => (folder === '' ? name : `${folder}/${name}`)
  if (pattern === '**') {
    const folders = entries.filter((it) => it.isDirectory() && !it.name.startsWith('.'))
    return [
      ...match(root, folder, rest),
      ...folders.flatMap((it) => match(root, at(it.name), [pattern, ...rest])),
    ]
  }
  // Links and pipes are found too; reading them says what is wrong with them.
  if (rest.length === 0) return found.filter((it) => !it.isDirectory()).map((it) => at(it.name))
  return found.filter((it) => it.isDirectory()).flatMap((it) => match(root, at(it.name), rest))
}

function list(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

const namePattern = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '[^/]*')
      .replace(/\?/g, '[^/]')}$`,
  )
