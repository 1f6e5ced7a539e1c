import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChroma } from '../setup/chroma-server.ts'
import { openWritable } from '../setup/sqlite.ts'
import type { Case } from './case.ts'

/** The stores of a case beside its key-value store, running. */
export interface Beside {
  /** Their addresses: `DB_URL`, `CHROMA_URL`. */
  readonly variables: Readonly<Record<string, string>>
  stop(): Promise<void>
}

export async function startBeside({ sqlite, chroma }: NonNullable<Case['beside']>): Promise<Beside> {
  const folder = mkdtempSync(join(tmpdir(), 'kvmig beside '))
  const database = await openWritable(join(folder, 'app.db'))
  database.exec(sqlite)
  database.close()
  const server = await startChroma()
  for (const [name, seeds] of chroma) server.add(name, seeds)
  return {
    variables: { DB_URL: `sqlite:${join(folder, 'app.db')}`, CHROMA_URL: `chroma+${server.url}` },
    stop: async () => {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
