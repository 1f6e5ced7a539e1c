import { isAbsolute, resolve } from 'node:path'
import { KvmigError } from '../errors.ts'
import { folderPlace } from './folder.ts'
import type { Place } from './place.ts'
import { s3Place } from './s3.ts'

/**
 * The place at an address of a plan: a folder, relative to the project, or `s3://bucket/prefix` with credentials from the environment.
 * Throws ARCHIVE_PLACE for what this build cannot write to.
 */
export function openPlace(
  address: string,
  root: string,
  variables: Readonly<Record<string, string | undefined>>,
): Place {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(address)?.[1]
  if (scheme === undefined)
    return folderPlace(isAbsolute(address) ? address : resolve(root, address), address)
  if (scheme === 's3') return s3Place(address, variables)
  throw new KvmigError('ARCHIVE_PLACE', `Archives cannot be written to ${scheme}: by this build.`, {
    hint: 'Name a folder or a bucket: archive: { to: ./archive }, archive: { to: s3://bucket/prefix }.',
  })
}
