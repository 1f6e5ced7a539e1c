import { afterAll, describe, expect, test } from 'vitest'
import { apply } from '../../src/index.ts'
import { startProxy } from '../setup/proxy.ts'
import { startWorld } from './world.ts'

const world = await startWorld()
const put = (id: string, name: string) => world.redis.client.set(`user:${id}`, JSON.stringify({ name }))
await put('ann', 'first')
await put('bo', 'first')
await put('cy', 'first')
await world.applyA()
await world.flip('users', 'B')
const kvmig = await world.connect({ shadow: 0 })
const users = kvmig.store('users')
const rows = () => world.rows('SELECT id, name FROM users ORDER BY id')

// A copy that runs while instances write twice, by way of a proxy that can stop it between reading the source and claiming.
const proxy = await startProxy(Number(new URL(world.variables.DATABASE_URL).port))
afterAll(() => proxy.close())
const url = new URL(world.variables.DATABASE_URL)
url.port = String(proxy.port)
const variables = { ...world.variables, DATABASE_URL: url.href }

async function copyAround(statement: string, meanwhile: () => Promise<void>): Promise<void> {
  let passed = false
  let failure: unknown
  proxy.onRequest(async (bytes) => {
    if (passed || !bytes.includes(statement)) return
    passed = true
    await meanwhile().catch((error) => {
      failure = error
    })
  })
  const { outcome } = await apply(world.project, { variables, plans: ['users'], again: true })
  proxy.onRequest(undefined)
  if (failure) throw failure
  expect(passed).toBe(true)
  expect(['done', 'closed']).toContain(outcome)
}

describe('a copy beside live writes', () => {
  test('H02 does not overwrite a newer row: written between its reading and its claim', async () => {
    await copyAround('INSERT INTO kvmig.touch', () => users.put({ id: 'ann', name: 'second' }))
    expect(await rows()).toContainEqual({ id: 'ann', name: 'second' })
  })

  test('H04 does not bring back what was deleted between its reading and its claim', async () => {
    await copyAround('INSERT INTO kvmig.touch', () => users.delete({ id: 'bo' }))
    expect((await rows()).map((it) => it.id)).toEqual(['ann', 'cy'])
  })

  test('H02 gives way to a write that comes while it holds the claim', async () => {
    let written: Promise<void> | undefined
    // The statement after the claim: the write waits for the record's lock until the copy commits.
    await copyAround('INSERT INTO kvmig.checkpoint', async () => {
      written = users.put({ id: 'cy', name: 'second' })
    })
    await written
    expect(await rows()).toContainEqual({ id: 'cy', name: 'second' })
    expect(JSON.parse((await world.redis.client.get('user:cy'))!).name).toBe('second')
  })

  test('H03 takes over again what changed in the source alone, as long as nobody wrote it live', async () => {
    await put('dan', 'first')
    await apply(world.project, { variables, plans: ['users'], again: true })
    await put('dan', 'second')
    await apply(world.project, { variables, plans: ['users'], again: true })
    expect(await rows()).toContainEqual({ id: 'dan', name: 'second' })
    expect(await rows()).toContainEqual({ id: 'ann', name: 'second' })
  })

  test('H21 reading through does not bring back what was deleted meanwhile', async () => {
    const through = await world.connect(
      { shadow: 0, readThrough: ['users'] },
      {
        probe: async (point) => {
          if (point !== 'before.copy') return
          await users.delete({ id: 'eve' })
        },
      },
    )
    await put('eve', 'first')
    expect(await through.store('users').get({ id: 'eve' })).toMatchObject({ name: 'first' })
    expect((await rows()).map((it) => it.id)).not.toContain('eve')
    expect(await through.store('users').get({ id: 'eve' })).toBeUndefined()
  })

  test('reading through takes over what only the source has', async () => {
    const through = await world.connect({ shadow: 0, readThrough: ['users'] })
    await put('fay', 'first')
    expect(await through.store('users').get({ id: 'fay' })).toMatchObject({ name: 'first' })
    expect(await rows()).toContainEqual({ id: 'fay', name: 'first' })
  })

  test('reading through waits for the catch-up: until then a row may be as old as the copy', async () => {
    const through = await world.connect({ shadow: 0, readThrough: ['users'] })
    await put('gus', 'first')
    expect(await through.store('users').get({ id: 'gus' })).toMatchObject({ name: 'first' })
    await world.flip('users', 'B', true)
    await put('gus', 'second')
    await expect.poll(async () => (await through.store('users').get({ id: 'gus' }))?.name).toBe('second')
    await world.flip('users', 'B')
  })
})
