import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { unpackDebian } from './debian.ts'
import { copyOfPostgres, DEBIANS_POSTGRES } from './postgres-copy.ts'

/** Programs of a Postgres that has pg_cron, from Debian's package. Undefined where there is no such server, or no way to the archive. */
export function postgresWithCron(): string | undefined {
  const unpacked = unpackDebian([`postgresql-${DEBIANS_POSTGRES}-cron`])
  if (!unpacked) return undefined
  return copyOfPostgres('cron', (folder) => {
    for (const part of ['usr/lib/postgresql', 'usr/share/postgresql']) {
      const added = join(unpacked.folder, part, DEBIANS_POSTGRES)
      if (existsSync(added)) cpSync(added, join(folder, part, DEBIANS_POSTGRES), { recursive: true })
    }
  })
}
