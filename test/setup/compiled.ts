import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/** The sources as JavaScript in a folder of their own, for tests whose processes die: what they run is what is tested. */
export function compiledSources(): { url(path: string): string; remove(): void } {
  const root = resolve(import.meta.dirname, '../..')
  const folder = mkdtempSync(join(tmpdir(), 'kvmig-compiled-'))
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [
    compiler,
    '-p',
    root,
    '--outDir',
    folder,
    '--declaration',
    'false',
    '--sourceMap',
    'false',
  ])
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return {
    url: (path) => pathToFileURL(join(folder, path)).href,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
