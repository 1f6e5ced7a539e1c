import { describe, expect, test } from 'vitest'
import type { EntryStore } from '../../src/runtime/entry-store.ts'
import type { Kvmig } from '../../src/runtime/kvmig.ts'
import { ENTRY_PLANS } from './entry-plans.ts'
import { startWorld } from './world.ts'

const { lists, documents } = ENTRY_PLANS
const world = await startWorld('postgres', {
  lists: lists!,
  documents: documents!,
  ranked: `
version: 1
plan: ranked
mappings:
  - { match: 'names:{id}', type: list, each: item, into: names, fields: { id: $id, place: $index, name: $item, rank: "get('rank:{$id}')" } }
tables:
  names: { columns: { id: text, place: integer, name: text not null, rank: text }, primary_key: [id, place] }
`,
})
await world.applyA()
const [kvmig, other] = await Promise.all([1, 2].map(() => world.connect({ shadow: 0 }, { pollMillis: 50 })))
// What `kvmig types` would say of them.
const storeOf = <V>(of: Kvmig, plan: string) => of.store(plan) as unknown as EntryStore<{ id: string }, V>
const list = storeOf<readonly string[]>(kvmig!, 'lists')
const theirList = storeOf<readonly string[]>(other!, 'lists')
const document = storeOf<{ title: string; tags: string[] }>(kvmig!, 'documents')
const raw = world.redis.client

const phaseOf = async (phase: 'A' | 'B' | 'C' | 'D'): Promise<void> => {
  for (const plan of ['lists', 'documents']) await world.flip(plan, phase)
  await world.known(kvmig!, other!)
}
const items = async (): Promise<readonly unknown[]> =>
  (await world.rows('SELECT item FROM lists ORDER BY id, place')).map((it) => it.item)

describe.each(['A', 'B', 'C'] as const)('an entry of many rows, in %s', (phase) => {
  test('is put, got and deleted whole', async () => {
    await phaseOf(phase)
    await list.put({ id: '1' }, ['a', 'b', 'c'])
    await list.put({ id: '1' }, ['c', 'a'])
    expect(await list.get({ id: '1' })).toEqual(['c', 'a'])
    expect(await raw.lrange('list:1', 0, -1)).toEqual(['c', 'a'])
    if (phase !== 'A') expect(await items()).toEqual(['c', 'a'])
    await list.delete({ id: '1' })
    expect(await list.get({ id: '1' })).toBeUndefined()
    expect(await raw.exists('list:1')).toBe(0)
    expect(await items()).toEqual([])
  })

  test('of several tables is written to all of them at once', async () => {
    await phaseOf(phase)
    await document.put({ id: '1' }, { title: 't', tags: ['x', 'y'] })
    expect(JSON.parse((await raw.get('doc:1'))!)).toEqual({ title: 't', tags: ['x', 'y'] })
    if (phase !== 'A')
      expect(
        await world.rows('SELECT title, tag FROM docs JOIN doc_tags ON doc = id ORDER BY place'),
      ).toEqual([
        { title: 't', tag: 'x' },
        { title: 't', tag: 'y' },
      ])
    expect(await document.get({ id: '1' })).toEqual({ title: 't', tags: ['x', 'y'] })
    await document.delete({ id: '1' })
    expect(await world.rows('SELECT 1 FROM docs')).toEqual([])
  })

  test('is updated by what is there, whoever updates it at the same time', async () => {
    await phaseOf(phase)
    await Promise.all(
      Array.from({ length: 16 }, (_, n) =>
        (n % 2 === 0 ? list : theirList).update({ id: '1' }, (old = []) => [...old, String(n)]),
      ),
    )
    const all = await list.get({ id: '1' })
    expect([...all!].sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 16 }, (_, n) => String(n)),
    )
    expect(await raw.lrange('list:1', 0, -1)).toEqual(all)
    if (phase !== 'A') expect(await items()).toEqual(all)
    expect(await list.update({ id: '1' }, () => undefined)).toBeUndefined()
    expect(await raw.exists('list:1')).toBe(0)
  })
})

test('its expiry is given with it, and stays when it is updated', async () => {
  await phaseOf('B')
  await list.put({ id: 'e' }, ['a'], { expiresAt: new Date('2100-01-01') })
  await list.update({ id: 'e' }, (old) => [...old!, 'b'])
  expect(await raw.pexpiretime('list:e')).toBe(Date.parse('2100-01-01'))
  await list.put({ id: 'e' }, ['a'])
  expect(await raw.ttl('list:e')).toBe(-1)
  await list.delete({ id: 'e' })
})

test.each([
  ['a value of another form', () => list.put({ id: '1' }, 'a' as never), 'REJECTED'],
  ['a value that has no row', () => document.put({ id: '1' }, { title: 't\0', tags: [] }), 'REJECTED'],
  ['a key without a part of it', () => list.get({} as never), 'KEY_MISSING'],
])('refuses %s', async (_, work, code) => {
  await phaseOf('B')
  await expect(work()).rejects.toMatchObject({ code })
  expect(await raw.exists('list:1', 'doc:1')).toBe(0)
})

test('is refused when the store is asked for, where its rows depend on other keys', () => {
  expect(() => kvmig!.store('ranked')).toThrow('depend on what other keys say')
})

test('is written to Postgres alone in D', async () => {
  await phaseOf('D')
  await list.put({ id: 'd' }, ['a'])
  await list.update({ id: 'd' }, (old) => [...old!, 'b'])
  expect(await list.get({ id: 'd' })).toEqual(['a', 'b'])
  expect(await raw.exists('list:d')).toBe(0)
})
