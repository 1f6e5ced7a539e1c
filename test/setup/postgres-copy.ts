import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const DEBIANS_POSTGRES = '15'

/**
 * Programs of a copy of Debian's Postgres, which finds its files relative to its own place, made once under a name; `add` puts more into
 * its folder. Undefined where the machine has no such server.
 */
export function copyOfPostgres(name: string, add: (folder: string) => void): string | undefined {
  const folder = join(tmpdir(), `kvmig-postgres-${name}-${DEBIANS_POSTGRES}-${process.getuid?.() ?? 0}`)
  const bin = join(folder, 'usr/lib/postgresql', DEBIANS_POSTGRES, 'bin')
  if (existsSync(bin)) return bin
  if (!existsSync(`/usr/lib/postgresql/${DEBIANS_POSTGRES}/bin/initdb`)) return undefined
  const making = mkdtempSync(`${folder}-`)
  for (const part of ['usr/lib/postgresql', 'usr/share/postgresql']) {
    mkdirSync(join(making, part), { recursive: true })
    const from = join('/', part, DEBIANS_POSTGRES)
    cpSync(from, join(making, part, DEBIANS_POSTGRES), { recursive: true, dereference: true })
  }
  add(making)
  // Another user runs it.
  chmodSync(making, 0o755)
  try {
    renameSync(making, folder)
  } catch {
    // Somebody else was quicker.
    rmSync(making, { recursive: true, force: true })
  }
  return existsSync(bin) ? bin : undefined
}
