import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { type Act, PROTOCOL } from '../../src/runtime/protocol.ts'
import { RouteWatcher } from '../../src/runtime/route-watcher.ts'
import type { Probe } from '../../src/runtime/walk.ts'
import { fleet, HEARTBEAT_MILLIS, laggards } from '../../src/state/instances.ts'
import { readCounters } from '../../src/state/metrics.ts'
import { outboxDepth } from '../../src/state/outbox.ts'
import { readRoutes } from '../../src/state/route.ts'
import { startProxy } from '../setup/proxy.ts'
import { PLANS, startWorld } from './world.ts'

const world = await startWorld('postgres', {
  ...PLANS,
  users: `${PLANS.users}writes: { failure: available }\n`,
  pets: `
version: 1
plan: pets
mappings:
  - { match: 'pet:{id}', type: string, decode: json, into: pets, fields: { id: $id, owner: owner } }
tables:
  pets:
    columns: { id: text, owner: text not null }
    primary_key: [id]
    references: [{ columns: [owner], to: users(id) }]
`,
})
await world.applyA()

const sql = await startProxy(Number(new URL(world.variables.DATABASE_URL).port))
const kv = await startProxy(world.redis.port)
afterAll(() => Promise.all([sql.close(), kv.close()]))
const through = (address: string, port: number): string =>
  Object.assign(new URL(address), { port: String(port) }).href
const variables = {
  DATABASE_URL: through(world.variables.DATABASE_URL, sql.port),
  KV_URL: through(world.redis.url, kv.port),
}
const connect = (probe?: Probe, options: object = {}) =>
  world.connect(
    { shadow: 0, timeoutMillis: 1500, ...options },
    { ...(probe && { probe }), pollMillis: 200, ownMillis: 0, drainMillis: 50 },
  )

/** Lets one passage of a point wait until `open` is called. */
function barrier(at: string) {
  let passed = false
  let arrived = (): void => {}
  let open = (): void => {}
  const there = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const probe: Probe = async (point) => {
    if (point !== at || passed) return
    passed = true
    arrived()
    await opened
  }
  return { probe, there, open: () => open() }
}

const source = async (id: string) => {
  const text = await world.redis.client.get(`user:${id}`)
  return text === null ? undefined : JSON.parse(text).name
}
const target = async (id: string) => (await world.rows(`SELECT name FROM users WHERE id = '${id}'`))[0]?.name
const waiting = () => world.target.transaction(outboxDepth)

// Who waits for whom on a busy machine is no matter of time.
const patient = { timeoutMillis: 20_000 }
const plain = await connect(undefined, patient)
const users = plain.store('users')
const scores = plain.store('scores')

beforeEach(async () => {
  kv.refuse(false)
  sql.refuse(false)
  for (const plan of ['users', 'scores', 'pets']) await world.flip(plan, 'B')
  await expect.poll(waiting).toEqual([])
})

describe('writes', () => {
  test('H14 the source fails: the change is kept, and carried when it is back; strict says so, available does not', async () => {
    const cut = await connect(undefined, { variables })
    await cut.store('users').put({ id: 'h14', name: 'one' })
    await cut.store('scores').put({ game: 'h14', player: 'ann', points: 1n })
    kv.refuse(true)
    kv.cutAfter(0)
    await cut.store('users').put({ id: 'h14', name: 'two' })
    await expect(cut.store('scores').put({ game: 'h14', player: 'ann', points: 2n })).rejects.toMatchObject({
      code: 'WRITE_UNCONFIRMED',
    })
    kv.refuse(false)
    await expect.poll(waiting).toEqual([])
    expect(await source('h14')).toBe('two')
    expect(await world.redis.client.hget('scores:h14', 'ann')).toBe('2')
  })

  test('H81 in the rollout window no policy makes a success of it', async () => {
    await world.flip('users', 'B', true)
    const cut = await connect(undefined, { variables })
    await cut.store('users').put({ id: 'h81', name: 'one' })
    kv.refuse(true)
    kv.cutAfter(0)
    await expect(cut.store('users').put({ id: 'h81', name: 'two' })).rejects.toMatchObject({
      code: 'WRITE_UNCONFIRMED',
    })
  })

  test('H15 the target fails: the source is not touched, whatever the policy', async () => {
    const cut = await connect(undefined, { variables })
    await cut.store('users').put({ id: 'h15', name: 'one' })
    sql.refuse(true)
    sql.cutAfter(0)
    await expect(cut.store('users').put({ id: 'h15', name: 'two' })).rejects.toMatchObject({
      name: 'KvmigError',
    })
    expect(await source('h15')).toBe('one')
    sql.refuse(false)
  })

  test('H16 the answer to COMMIT is lost: whether it took place is asked, not guessed', async () => {
    let cuts = 0
    const cut = await connect(undefined, { variables })
    await cut.store('users').put({ id: 'h16', name: 'one' })
    let writing: number | undefined
    sql.onRequest((bytes, connection) => {
      if (bytes.includes('kvmig.advance')) writing = connection
      // Others commit meanwhile: what the write before left in the outbox, and who looks for the route.
      else if (connection === writing && cuts === 0 && bytes.includes('COMMIT')) {
        // The request goes on to the server; its answer does not come back.
        cuts += 1
        sql.cutAfter(0)
      }
    })
    await cut.store('users').put({ id: 'h16', name: 'two' })
    sql.onRequest(undefined)
    expect(cuts).toBe(1)
    expect([await source('h16'), await target('h16')]).toEqual(['two', 'two'])
    const [touch] = await world.rows(`SELECT version FROM kvmig.touch WHERE key = 'user:h16'`)
    expect(touch).toEqual({ version: '2' })
  })

  test.each([
    ['never came', true, 'WRITE_REFUSED', 'did not take place. The connection to Postgres was lost while'],
    ['came, and nobody can be asked since', false, 'WRITE_UNKNOWN', 'Nobody knows yet whether a write of'],
  ])('H16 of a COMMIT that %s it is said so, and nothing else', async (_, never, code, says) => {
    const cut = await connect(undefined, { variables, timeoutMillis: never ? 1500 : 400 })
    await cut.store('users').put({ id: 'h16', name: 'one' })
    let writing: number | undefined
    let cuts = 0
    sql.onRequest((bytes, connection) => {
      if (bytes.includes('kvmig.advance')) writing = connection
      else if (connection === writing && cuts === 0 && bytes.includes('COMMIT')) {
        cuts += 1
        if (!never) {
          sql.refuse(true)
          sql.cutAfter(0)
          return
        }
        sql.redirect(Number(new URL(world.variables.DATABASE_URL).port))
        return new Promise<void>(() => {})
      }
    })
    const error = await cut
      .store('users')
      .put({ id: 'h16', name: 'two' })
      .catch((it) => it)
    sql.onRequest(undefined)
    sql.refuse(false)
    expect(error).toMatchObject({ code, message: expect.stringContaining(says) })
    expect(error.message.includes('it may be there or not')).toBe(!never)
    await expect.poll(waiting, { timeout: 5000 }).toEqual([])
    expect(await target('h16')).toBe(never ? 'one' : 'two')
    expect(await source('h16')).toBe(never ? 'one' : 'two')
  })

  test('H17 a write to the source that lands late does not overwrite a newer one', async () => {
    const { probe, there, open } = barrier('before.carry')
    const slow = await connect(probe)
    const late = slow.store('users').put({ id: 'h17', name: 'older' })
    await there
    await users.put({ id: 'h17', name: 'newer' })
    open()
    await late
    expect([await source('h17'), await target('h17')]).toEqual(['newer', 'newer'])
  })

  test('H17 would, without the version', async () => {
    const swap = (act: Act): Act => (act === 'compare-and-set' ? 'set' : act)
    const [record, carry, settle] = PROTOCOL['dual-write']
    const { probe, there, open } = barrier('before.carry')
    const slow = await world.connect(
      { shadow: 0 },
      {
        probe,
        drainMillis: 0,
        protocol: {
          ...PROTOCOL,
          'dual-write': [record!, { ...carry!, does: carry!.does.map(swap) }, settle!],
        },
      },
    )
    const late = slow.store('users').put({ id: 'h17b', name: 'older' })
    await there
    await users.put({ id: 'h17b', name: 'newer' })
    open()
    await late
    expect([await source('h17b'), await target('h17b')]).toEqual(['older', 'newer'])
  })

  test('H19 many writers of one record leave the same on both sides', async () => {
    const others = await Promise.all([connect(undefined, patient), connect(undefined, patient)])
    const stores = [users, ...others.map((it) => it.store('users'))]
    await Promise.all(
      Array.from({ length: 300 }, (_, n) => stores[n % 3]!.put({ id: `h19-${n % 5}`, name: `v${n}` })),
    )
    for (let n = 0; n < 5; n++) expect(await source(`h19-${n}`)).toBe(await target(`h19-${n}`))
  })

  test('H25 fields of one hash are records of their own: neither write undoes the other', async () => {
    await Promise.all(
      ['ann', 'bo', 'cy'].map((player, n) => scores.put({ game: 'h25', player, points: BigInt(n) })),
    )
    expect(await world.redis.client.hgetall('scores:h25')).toEqual({ ann: '0', bo: '1', cy: '2' })
    expect(await world.rows(`SELECT player FROM scores WHERE game = 'h25' ORDER BY player`)).toHaveLength(3)
  })

  test('H37 a row whose parent is missing is refused, and nothing of it is anywhere', async () => {
    const pets = plain.store('pets')
    await expect(pets.put({ id: 'rex', owner: 'nobody' })).rejects.toMatchObject({ code: 'WRITE_REFUSED' })
    expect(await world.redis.client.get('pet:rex')).toBeNull()
    await users.put({ id: 'somebody', name: 'x' })
    await pets.put({ id: 'rex', owner: 'somebody' })
    expect(await world.rows('SELECT * FROM pets')).toHaveLength(1)
  })

  test('H37 a parent that only the source has is taken over first', async () => {
    await world.redis.client.set('user:parent', '{"name":"P"}')
    await plain.store('pets').put({ id: 'puss', owner: 'parent' })
    expect(await target('parent')).toBe('P')
    expect(await world.rows(`SELECT owner FROM pets WHERE id = 'puss'`)).toEqual([{ owner: 'parent' }])
  })

  test('a process that dies after Postgres took the write leaves it to the others', async () => {
    const dying = await connect((point) => {
      if (point === 'after.record') throw new Error('killed')
    })
    await expect(dying.store('users').put({ id: 'dead', name: 'kept' })).rejects.toThrow('killed')
    await expect.poll(() => source('dead')).toBe('kept')
  })
})

describe('routes', () => {
  test('H62 a flip reaches every instance with its second heartbeat, within two seconds, and none confirms it while older work is under way', async () => {
    // Nobody's clock: this one looks when it is told to.
    const looking = await RouteWatcher.open({
      target: world.target,
      plans: ['users'],
      instance: { id: 'h62-looking', version: '0', host: 'here' },
      pollMillis: 3_600_000,
    })
    const { probe, there, open } = barrier('before.carry')
    const busy = await connect(probe)
    const work = busy.store('users').put({ id: 'h62', name: 'x' })
    await there
    await world.flip('users', 'C')
    const { epoch } = (await readRoutes(world.target)).get('users')!
    const behind = async () => laggards(await fleet(world.target), 'users', epoch).map((it) => it.id)
    await looking.look()
    expect(looking.route('users')).toMatchObject({ phase: 'C', epoch })
    expect(await behind()).toContain('h62-looking')
    await looking.look()
    expect(await behind()).not.toContain('h62-looking')
    expect(2 * HEARTBEAT_MILLIS).toBeLessThanOrEqual(2000)
    await expect.poll(behind).toEqual([busy.instance])
    open()
    await work
    await expect.poll(behind).toEqual([])
    await looking.close()
  })

  test('H46 an instance that slept through the end of A writes nothing by the old route', async () => {
    await world.flip('users', 'A')
    const { probe, there, open } = barrier('before.set')
    const sleeper = await connect(probe)
    const late = sleeper.store('users').put({ id: 'h46', name: 'x' })
    await there
    await world.flip('users', 'B', true)
    // Somebody of the new epoch has written: from then on the source refuses the old one.
    await expect
      .poll(async () => {
        await users.put({ id: 'h46-other', name: 'y' })
        return target('h46-other')
      })
      .toBe('y')
    open()
    await late
    expect([await source('h46'), await target('h46')]).toEqual(['x', 'x'])
  })

  test('H63 an instance that slept until D does not write the source any more', async () => {
    await world.flip('users', 'C')
    const { probe, there, open } = barrier('before.record')
    const sleeper = await connect(probe)
    const late = sleeper.store('users').put({ id: 'h63', name: 'x' })
    await there
    await world.flip('users', 'D')
    open()
    await late
    expect(await target('h63')).toBe('x')
    expect(await source('h63')).toBeUndefined()
  })

  test('H64 the source was down in C: after a rollback it has everything', async () => {
    await world.flip('users', 'C')
    const cut = await connect(undefined, { variables })
    await cut.store('users').put({ id: 'h64', name: 'before' })
    kv.refuse(true)
    kv.cutAfter(0)
    for (let n = 0; n < 20; n++) await cut.store('users').put({ id: `h64-${n}`, name: `v${n}` })
    kv.refuse(false)
    await expect.poll(waiting).toEqual([])
    await world.flip('users', 'B')
    for (let n = 0; n < 20; n++) expect(await users.get({ id: `h64-${n}` })).toMatchObject({ name: `v${n}` })
  })

  test('H60 an epoch that only the source knows is told, not waited for: it was written under another ledger', async () => {
    await world.flip('users', 'A')
    await expect
      .poll(async () => (await fleet(world.target)).every((it) => it.epochs.get('users')! > 0))
      .toBe(true)
    await world.redis.client.hset('kvmig:epoch', 'users', '99999')
    await expect(users.put({ id: 'ahead', name: 'x' })).rejects.toMatchObject({ code: 'EPOCH_AHEAD' })
    await world.redis.client.hdel('kvmig:epoch', 'users')
  })
})

describe('shadow reads', () => {
  test('count what differs on both sides and stays so, and what does not', async () => {
    const looking = await world.connect({ shadow: 1 }, { settleMillis: 20 })
    const store = looking.store('users')
    await store.put({ id: 'same', name: 'x' })
    await store.put({ id: 'other', name: 'x' })
    await store.put({ id: 'gone', name: 'x' })
    await world.rows(`UPDATE users SET name = 'y' WHERE id = 'other'`)
    await world.rows(`DELETE FROM users WHERE id = 'gone'`)
    for (const id of ['same', 'other', 'gone']) expect(await store.get({ id })).toMatchObject({ name: 'x' })
    await expect.poll(() => looking.metrics()).toContain('event="shadow.missing_in_target"} 1')
    await looking.close()
    const counters = await readCounters(world.target, 'users', { fromMillis: 60_000 })
    expect(Object.fromEntries([...counters].filter(([name]) => name.startsWith('shadow')))).toEqual({
      'shadow.match': 1,
      'shadow.mismatch': 1,
      'shadow.missing_in_target': 1,
    })
  })

  test('H28 take a write that is on its way for what it is', async () => {
    const looking = await world.connect({ shadow: 1 }, { settleMillis: 50 })
    const { probe, there, open } = barrier('before.carry')
    const slow = await connect(probe)
    await users.put({ id: 'h28', name: 'one' })
    const work = slow.store('users').put({ id: 'h28', name: 'two' })
    await there
    await looking.store('users').get({ id: 'h28' })
    open()
    await work
    await expect.poll(() => looking.metrics()).toContain('event="shadow.match"} 1')
    expect(await looking.metrics()).not.toContain('shadow.mismatch')
  })
})
