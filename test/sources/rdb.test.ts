import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { rdb } from '../../src/sources/rdb.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { describeSource } from './conformance.ts'
import { writeEntries } from './redis-commands.ts'

const folder = mkdtempSync(join(tmpdir(), 'kvmig rdb '))
let server: FreshRedis
let files = 0
beforeAll(async () => {
  server = await freshRedis()
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

describeSource({
  name: 'rdb',
  start: async (entries) => {
    await server.client.flushall()
    await writeEntries(server.client, entries)
    const name = `dump ${files++}.rdb`
    copyFileSync(await server.save(), join(folder, name))
    return {
      open: (context) => rdb.open(`rdb:./${name}`, { ...context, root: folder }),
      stop: async () => {},
    }
  },
})
