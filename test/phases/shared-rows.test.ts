import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Kvmig } from '../../src/runtime/kvmig.ts'
import { startWorld, type World } from './world.ts'

/** Where the catch-up is held once, and what happens meanwhile. */
const barrier = vi.hoisted(() => ({
  at: undefined as 'read' | 'decided' | 'swept' | undefined,
  meanwhile: async () => {},
  passed: 0,
}))
const stop = async (at: 'read' | 'decided' | 'swept'): Promise<void> => {
  if (barrier.at !== at) return
  barrier.at = undefined
  await barrier.meanwhile()
  barrier.passed += 1
}

// Records of an open row were read, and the row is not decided yet.
vi.mock('../../src/checks/read-records.ts', async (original) => {
  const real = await original<typeof import('../../src/checks/read-records.ts')>()
  return {
    ...real,
    readRecords: async (...given: Parameters<typeof real.readRecords>) => {
      const found = await real.readRecords(...given)
      await stop('read')
      return found
    },
  }
})
// It is decided which record has a row, and the row is not written yet.
vi.mock('../../src/executors/write.ts', async (original) => {
  const real = await original<typeof import('../../src/executors/write.ts')>()
  return {
    ...real,
    writeWhatFits: async (...given: Parameters<typeof real.writeWhatFits>) => {
      await stop('decided')
      return real.writeWhatFits(...given)
    },
  }
})
// A row is nobody's any more, and is not deleted yet.
vi.mock('../../src/target/delete-rows.ts', async (original) => {
  const real = await original<typeof import('../../src/target/delete-rows.ts')>()
  return {
    ...real,
    deleteRows: async (...given: Parameters<typeof real.deleteRows>) => {
      await stop('swept')
      return real.deleteRows(...given)
    },
  }
})

const PLAN = `version: 1
plan: people
mappings:
  - from: [{ match: 'a:{id}' }, { match: 'b:{id}' }]
    type: string
    decode: json
    into: people
    conflict: newest(at)
    fields: { id: $id, name: name, at: at }
tables: { people: { columns: { id: text, name: text, at: integer }, primary_key: [id] } }
gates: { B: [{ full: { drift: 90% }, because: the application goes on writing }] }
`

let world: World
let app: Kvmig
const person = (name: string, at: number): string => JSON.stringify({ name, at })
const rows = async () =>
  (await world.database.query("SELECT * FROM people WHERE id NOT LIKE 'z%' ORDER BY id")).rows.map((it) =>
    Object.values(it).join(' '),
  )
const B = ['apply', '--phase=B', '--expect=1', 'people']

beforeEach(async () => {
  world = await startWorld({ count: 1, files: { 'plans/people.yaml': PLAN } })
  const { client } = world.redis
  for (let n = 0; n < 20; n++) await client.set(`a:z${n}`, person('z', 1))
  await client.set('b:z0', person('older', 0))
  await client.set('a:1', person('a', 5))
  await client.set('b:1', person('b', 3))
  expect((await world.run(['apply', '--phase=A'])).stdout).toContain('Gate B is open')
  expect(await rows()).toEqual(['1 a 5'])
  app = await world.instance('web-1', { shadow: 0 })
  barrier.passed = 0
})
afterEach(() => world?.stop())

/** A live write of a record, once: it is over, or waits for the catch-up, which goes on. */
const writes = (key: string, value: string): Promise<unknown> => {
  const work = app.wrap(world.redis.client).set(key, value)
  let isOver = false
  work
    .catch(() => {})
    .finally(() => {
      isOver = true
    })
  return Promise.race([
    work,
    (async () => {
      while (!isOver) {
        const { rows: waits } = await world.database.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        )
        if (waits.length > 0) return
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    })(),
  ]).then(() => {
    written = work
  })
}
let written: Promise<unknown> = Promise.resolve()

const intoB = async (at: typeof barrier.at, meanwhile: () => Promise<unknown>) => {
  barrier.at = at
  barrier.meanwhile = async () => void (await meanwhile())
  const ended = await world.run(B)
  expect({ code: ended.code, said: ended.stdout + ended.stderr }).toEqual({
    code: 0,
    said: expect.stringContaining('catch-up'),
  })
  expect(barrier.passed).toBe(1)
  await written
}

test('a live write between the reading of the records of a row and the verdict about it stands', async () => {
  // The one that had the row was set back past the protocol: who has it now is found out by reading all its records.
  await world.redis.client.set('a:1', person('a', 1))
  await intoB('read', () => writes('b:1', person('b', 9)))
  expect(await rows()).toEqual(['1 b 9'])
  expect((await world.run(['diff', 'people'])).code).toBe(0)
})

test('a live write between the verdict about a row and its writing stands', async () => {
  await world.redis.client.set('b:1', person('b', 7))
  await intoB('decided', () => writes('a:1', person('a', 9)))
  expect(await rows()).toEqual(['1 a 9'])
  expect((await world.run(['diff', 'people'])).code).toBe(0)
})

test('a live write of another record of a row that is swept stands, and the ledger still knows all records of the row', async () => {
  await world.redis.client.del('a:1', 'b:1')
  await intoB('swept', () => writes('b:1', person('b', 2)))
  expect(await rows()).toEqual(['1 b 2'])
  await app.wrap(world.redis.client).set('a:1', person('a', 8))
  expect(await rows()).toEqual(['1 a 8'])
  await app.wrap(world.redis.client).del('a:1')
  expect(await rows()).toEqual(['1 b 2'])
  expect((await world.run(['diff', 'people'])).code).toBe(0)
})
