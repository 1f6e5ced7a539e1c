import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as Pglite from '@electric-sql/pglite'

const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite')
const cache = join(import.meta.dirname, '../../node_modules/.cache/kvmig')

/**
 * Puts an empty embedded database into `folder`, which must not exist: a copy of one that was made once for all runs, since making one
 * takes the embedded Postgres seconds and copying it a fraction of one.
 */
export async function prepareFolder(folder: string): Promise<void> {
  cpSync(await madeOnce('folder', makeFolder), folder, { recursive: true })
}

/** The same as a tar file, for embedded databases in memory. */
export async function preparedImage(): Promise<Blob> {
  return new Blob([readFileSync(await madeOnce('tar', makeImage))])
}

/** The package itself: what the tests import by its name begins with a database of here (quick-pglite.ts). */
export async function realPglite(): Promise<typeof Pglite> {
  return import(/* @vite-ignore */ pathToFileURL(entry).href)
}

async function makeFolder(place: string): Promise<void> {
  const { PGlite } = await realPglite()
  await (await PGlite.create(place)).close()
}

async function makeImage(place: string): Promise<void> {
  const { PGlite } = await realPglite()
  const database = await PGlite.create()
  const image = await database.dumpDataDir('none')
  await database.close()
  writeFileSync(place, Buffer.from(await image.arrayBuffer()))
}

/** The path of what `make` puts into the cache, unless some run before did. */
async function madeOnce(kind: string, make: (place: string) => Promise<void>): Promise<string> {
  const { version } = createRequire(import.meta.url)(join(dirname(entry), '../package.json'))
  const ready = join(cache, `pglite-${version}-${kind}`)
  if (existsSync(ready)) return ready
  mkdirSync(cache, { recursive: true })
  const making = mkdtempSync(`${ready}-`)
  await make(join(making, 'made'))
  try {
    renameSync(join(making, 'made'), ready)
  } catch (error) {
    // Another test file was quicker.
    if (!existsSync(ready)) throw error
  }
  rmSync(making, { recursive: true, force: true })
  return ready
}
