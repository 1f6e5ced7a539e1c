import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** Text of a file of the project. */
export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Paths of all files of the project with that ending, from its top folder; what is installed or built is none of its files. */
export function shippedFiles(ending: string, folder = ''): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((it) => {
      const path = folder === '' ? it.name : `${folder}/${it.name}`
      if (it.isDirectory()) return LEFT_OUT.has(it.name) ? [] : shippedFiles(ending, path)
      return it.isFile() && path.endsWith(ending) ? [path] : []
    })
    .sort()
}

const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', 'dist', '.git', '.kvmig'])
