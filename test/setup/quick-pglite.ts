import { existsSync } from 'node:fs'
import { preparedImage, prepareFolder, realPglite } from './pglite.ts'

/**
 * Stands in for @electric-sql/pglite wherever tests and sources import it (vitest.config.ts): a database that would be made anew begins
 * as a copy of one, half a second of CPU instead of three. Processes that tests start make theirs themselves.
 */
const real = await realPglite()

export class PGlite extends real.PGlite {
  static override create = (async (options: string | Options = {}, more: Options = {}) => {
    const { dataDir = 'memory://', ...given }: Options =
      typeof options === 'string' ? { dataDir: options, ...more } : options
    // To clear 128 MB of buffers is half of what opening costs.
    const startParams = [...real.PGlite.defaultStartParams, '-c', 'shared_buffers=16MB']
    const others = { startParams, ...given }
    if (!dataDir.startsWith('memory://')) {
      if (!existsSync(dataDir)) await prepareFolder(dataDir)
      return real.PGlite.create(dataDir, others)
    }
    return real.PGlite.create({ loadDataDir: await image(), ...others, dataDir })
  }) as typeof real.PGlite.create
}

type Options = import('@electric-sql/pglite').PGliteOptions

let loaded: Promise<Blob> | undefined

function image(): Promise<Blob> {
  loaded ??= preparedImage()
  return loaded
}
