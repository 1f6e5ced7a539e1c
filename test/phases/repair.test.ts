import { afterEach, expect, test } from 'vitest'
import { startProxy } from '../setup/proxy.ts'
import { startWorld, USERS, user, type World } from './world.ts'

let world: World
afterEach(() => world?.stop())

// Between the comparison and the claim of what differs; and when what differs was looked at under its lock.
test.each(['INSERT INTO kvmig.touch', 'kvmig.advance'])(
  'H29 a repair gives way to a write that comes before its %s',
  async (statement) => {
    world = await startWorld({
      count: 5,
      files: {
        'plans/users.yaml': `${USERS}gates: { B: [{ full: { drift: 90% }, because: the application goes on writing }] }\n`,
      },
    })
    await world.run(['apply', '--phase=A'])
    const app = await world.instance('web-1')
    expect((await world.run(['apply', '--phase=B', '--expect', '1'])).code).toBe(0)
    await world.redis.client.set('user:1', user('behind the back'))

    const proxy = await startProxy(Number(new URL(world.environment.DATABASE_URL!).port))
    let written: Promise<void> | undefined
    proxy.onRequest(async (bytes) => {
      if (written || !bytes.includes(statement)) return
      written = app.store('users').put({ id: '1', name: 'newer', visits: 1 })
      // One that meets the repair's lock waits for it.
      if (statement.startsWith('INSERT')) await written
    })
    const address = Object.assign(new URL(world.environment.DATABASE_URL!), { port: String(proxy.port) }).href
    await world.run(['reconcile'], { DATABASE_URL: address })
    await proxy.close()
    expect(written).toBeDefined()
    await written
    const { source, target } = await world.users()
    expect(target).toEqual(source)
    expect(JSON.parse((await world.redis.client.get('user:1'))!)).toMatchObject({ name: 'newer' })
  },
)
