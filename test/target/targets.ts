import { afterAll } from 'vitest'
import { type OpenOptions, openTarget } from '../../src/target/connect.ts'
import type { Target } from '../../src/target/target.ts'
import { startPgBouncer } from '../setup/pgbouncer.ts'
import { freshDatabase } from '../setup/postgres.ts'

/** Every kind of target there is; tests that hold for all of them run once for each. */
export const TARGETS = ['postgres', 'pgbouncer', 'pglite'] as const
export type TargetKind = (typeof TARGETS)[number]

/** An empty database of one kind for this test file; it goes when the file is through. */
export async function freshTarget(kind: TargetKind, options: OpenOptions = {}): Promise<Target> {
  const { url, drop } = await freshAddress(kind)
  const target = await openTarget(url, options)
  afterAll(async () => {
    await target.close()
    await drop()
  })
  return target
}

/** The same without opening it. */
export async function freshAddress(kind: TargetKind): Promise<{ url: string; drop(): Promise<void> }> {
  if (kind === 'pglite') return { url: 'pglite:memory', drop: async () => {} }
  const database = await freshDatabase()
  if (kind === 'postgres') return database
  const pooler = await startPgBouncer(database.url)
  return {
    url: pooler.url,
    drop: async () => {
      await pooler.stop()
      await database.drop()
    },
  }
}
