import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'

const root = join(import.meta.dirname, '../..')

/**
 * Puts an empty embedded database into `folder`, which must not exist: a copy of one that was made once for all runs, since making one
 * takes the embedded Postgres seconds and copying it a fraction of one.
 */
export async function prepareFolder(folder: string): Promise<void> {
  cpSync(await prepared(), folder, { recursive: true })
}

async function prepared(): Promise<string> {
  const { version } = createRequire(import.meta.url)(join(dirname(entry()), '../package.json'))
  const cache = join(root, 'node_modules/.cache/kvmig')
  const ready = join(cache, `pglite-${version}`)
  if (existsSync(ready)) return ready
  mkdirSync(cache, { recursive: true })
  const made = mkdtempSync(`${ready}-`)
  const database = await PGlite.create(join(made, 'pg'))
  await database.close()
  try {
    renameSync(join(made, 'pg'), ready)
  } catch (error) {
    // Another test file was quicker.
    if (!existsSync(ready)) throw error
  }
  rmSync(made, { recursive: true, force: true })
  return ready
}

const entry = (): string => createRequire(import.meta.url).resolve('@electric-sql/pglite')
