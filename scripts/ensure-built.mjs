import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Builds dist where it is missing or older than src, so that `npm ci --ignore-scripts` is enough. Ends the process where that fails. */
export function ensureBuilt(root) {
  const main = join(root, 'dist', 'cli', 'main.js')
  if (existsSync(main) && statSync(main).mtimeMs >= newest(join(root, 'src'))) return
  console.error('building kvmig …')
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) process.exit(status ?? 1)
}

function newest(folder) {
  return Math.max(
    ...readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((it) => it.isFile())
      .map((it) => statSync(join(it.parentPath ?? it.path, it.name)).mtimeMs),
  )
}
