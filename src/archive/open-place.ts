import { isAbsolute, resolve } from 'node:path'
import { KvmigError } from '../errors.ts'
import { folderPlace } from './folder.ts'
import type { Place } from './place.ts'

/** The place at an address of a plan: a folder, relative to the project. Throws ARCHIVE_PLACE for what this build cannot write to. */
export function openPlace(address: string, root: string): Place {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(address)?.[1]
  if (scheme === undefined)
    return folderPlace(isAbsolute(address) ? address : resolve(root, address), address)
  throw new KvmigError('ARCHIVE_PLACE', `Archives cannot be written to ${scheme}: by this build.`, {
    hint: 'Name a folder: archive: { to: ./archive }.',
  })
}
