import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unpackDebian } from './debian.ts'

/**
 * Programs of a Postgres that has pg_cron: Debian's server, copied once beside Debian's package of pg_cron, since it finds its files relative
 * to its own place. Undefined where the machine has no such server, or no way to the archive.
 */
export function postgresWithCron(): string | undefined {
  const version = '15'
  const folder = join(tmpdir(), `kvmig-postgres-cron-${version}-${process.getuid?.() ?? 0}`)
  const bin = join(folder, 'usr/lib/postgresql', version, 'bin')
  if (existsSync(bin)) return bin
  if (!existsSync(`/usr/lib/postgresql/${version}/bin/initdb`)) return undefined
  const unpacked = unpackDebian([`postgresql-${version}-cron`])
  if (!unpacked) return undefined
  const making = mkdtempSync(`${folder}-`)
  for (const part of ['usr/lib/postgresql', 'usr/share/postgresql']) {
    mkdirSync(join(making, part), { recursive: true })
    cpSync(join('/', part, version), join(making, part, version), { recursive: true, dereference: true })
    const added = join(unpacked.folder, part, version)
    if (existsSync(added)) cpSync(added, join(making, part, version), { recursive: true })
  }
  // Another user runs it.
  chmodSync(making, 0o755)
  try {
    renameSync(making, folder)
  } catch {
    // Somebody else was quicker.
    rmSync(making, { recursive: true, force: true })
  }
  return readdirSync(bin).length > 0 ? bin : undefined
}
