import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import type { Kvmig } from '../../src/runtime/kvmig.ts'
import type { Probe } from '../../src/runtime/walk.ts'
import { outboxDepth } from '../../src/state/outbox.ts'
import { startProxy } from '../setup/proxy.ts'
import { History } from './history.ts'
import { startWorld } from './world.ts'

/** Long nights have a variable. */
const RUNS = Number(process.env.KVMIG_TEST_CHAOS_RUNS ?? 12)

const world = await startWorld()
await world.applyA()
await world.flip('users', 'B')
const [sql, kv] = [
  await startProxy(Number(new URL(world.variables.DATABASE_URL).port)),
  await startProxy(world.redis.port),
]
afterAll(() => Promise.all([sql.close(), kv.close()]))
const through = (address: string, port: number): string => {
  const url = new URL(address)
  url.port = String(port)
  return url.href
}
const variables = {
  DATABASE_URL: through(world.variables.DATABASE_URL, sql.port),
  KV_URL: through(world.redis.url, kv.port),
}

/** An instance of the application that can be stopped, or killed, at any step of a write. */
interface Instance {
  readonly kvmig: Kvmig
  at: { readonly point: string; readonly what: 'kill' | 'freeze' } | undefined
  /** Lets go on whatever is frozen in it. */
  thaw(): void
}

async function deploy(): Promise<Instance> {
  const frozen: (() => void)[] = []
  const thaw = (): void => {
    for (const go of frozen.splice(0)) go()
  }
  const instance = { at: undefined, thaw } as unknown as Instance
  const probe: Probe = async (point) => {
    if (instance.at?.point !== point) return
    const { what } = instance.at
    instance.at = undefined
    if (what === 'kill') throw new Error('killed')
    await new Promise<void>((resolve) => {
      frozen.push(resolve)
    })
  }
  const kvmig = await world.connect(
    { variables, shadow: 0, timeoutMillis: 1000, connections: 4 },
    { probe, pollMillis: 200, drainMillis: 100, ownMillis: 300 },
  )
  return Object.assign(instance, { kvmig })
}
const instances = [await deploy(), await deploy()]

let run = 0
let values = 0

interface Model {
  readonly history: History
  readonly prefix: string
  readonly underWay: Set<Promise<void>>
}

const POINTS = ['before.record', 'after.record', 'before.carry', 'after.carry', 'before.settle'] as const

class Write implements fc.AsyncCommand<Model, Instance[]> {
  readonly by: number
  readonly record: number
  readonly isDelete: boolean
  readonly waits: boolean
  constructor(by: number, record: number, isDelete: boolean, waits: boolean) {
    this.by = by
    this.record = record
    this.isDelete = isDelete
    this.waits = waits
  }
  check = () => true
  async run({ history, prefix, underWay }: Model, real: Instance[]): Promise<void> {
    const users = real[this.by]!.kvmig.store('users')
    const id = `${prefix}${this.record}`
    values += 1
    const name = this.isDelete ? null : `v${values}`
    const write = history.begin(id, name)
    const work = (name === null ? users.delete({ id }) : users.put({ id, name })).then(
      () => history.done(write),
      (error) => {
        write.refused = error.code === 'WRITE_REFUSED'
      },
    )
    underWay.add(work)
    work.finally(() => underWay.delete(work))
    if (this.waits) await Promise.race([work, new Promise((resolve) => setTimeout(resolve, 50))])
  }
  toString = () =>
    `${this.isDelete ? 'delete' : 'put'} ${this.record} by ${this.by}${this.waits ? '' : ' and'}`
}

class Read implements fc.AsyncCommand<Model, Instance[]> {
  readonly by: number
  readonly record: number
  constructor(by: number, record: number) {
    this.by = by
    this.record = record
  }
  check = () => true
  async run({ history, prefix }: Model, real: Instance[]): Promise<void> {
    const record = `${prefix}${this.record}`
    const began = history.now()
    const row = await real[this.by]!.kvmig.store('users')
      .get({ id: record })
      .catch(() => 'failed' as const)
    if (row !== 'failed') history.saw({ record, value: (row?.name as string) ?? null, began })
  }
  toString = () => `read ${this.record} by ${this.by}`
}

class Fault implements fc.AsyncCommand<Model, Instance[]> {
  readonly name: string
  readonly act: (real: Instance[]) => void | Promise<void>
  constructor(name: string, act: (real: Instance[]) => void | Promise<void>) {
    this.name = name
    this.act = act
  }
  check = () => true
  async run(_: Model, real: Instance[]): Promise<void> {
    await this.act(real)
  }
  toString = () => this.name
}

const who = fc.nat({ max: 1 })
const record = fc.nat({ max: 2 })
const commands = fc.commands(
  [
    fc.tuple(who, record, fc.boolean(), fc.boolean()).map((it) => new Write(...it)),
    fc.tuple(who, record, fc.constant(false), fc.constant(false)).map((it) => new Write(...it)),
    fc.tuple(who, record).map((it) => new Read(...it)),
    fc.tuple(who, fc.constantFrom(...POINTS), fc.constantFrom('kill', 'freeze')).map(
      ([by, point, what]) =>
        new Fault(`${what} ${by} ${point}`, (real) => {
          real[by]!.at = { point, what }
        }),
    ),
    who.map((by) => new Fault(`thaw ${by}`, (real) => real[by]!.thaw())),
    fc.nat({ max: 400 }).map((bytes) => new Fault(`cut the source after ${bytes}`, () => kv.cutAfter(bytes))),
    fc
      .nat({ max: 2000 })
      .map((bytes) => new Fault(`cut the target after ${bytes}`, () => sql.cutAfter(bytes))),
    fc.boolean().map((on) => new Fault(on ? 'source down' : 'source up', () => kv.refuse(on))),
    fc.constantFrom('B', 'C').map((phase) => new Fault(`flip to ${phase}`, () => world.flip('users', phase))),
  ],
  { maxCommands: 60, size: 'max' },
)

test('nothing is lost, doubled, invented, brought back or read too late, whatever happens to writers and stores', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (cmds) => {
      run += 1
      const model: Model = { history: new History(), prefix: `${run}-`, underWay: new Set() }
      await fc.asyncModelRun(() => ({ model, real: instances }), cmds)
      // All faults end.
      kv.refuse(false)
      kv.cutAfter(Number.POSITIVE_INFINITY)
      sql.cutAfter(Number.POSITIVE_INFINITY)
      while (model.underWay.size > 0) {
        for (const it of instances) {
          it.at = undefined
          it.thaw()
        }
        await Promise.race([Promise.all(model.underWay), new Promise((resolve) => setTimeout(resolve, 20))])
      }
      for (const it of instances) it.at = undefined
      await expect.poll(() => world.target.transaction(outboxDepth), { timeout: 20_000 }).toEqual([])
      const rows = await world.rows('SELECT id, name FROM users')
      const inTarget = new Map(rows.map((it) => [it.id!, it.name!]))
      const inSource = new Map<string, string>()
      for (const key of await world.redis.client.keys('user:*'))
        inSource.set(key.slice(5), JSON.parse((await world.redis.client.get(key))!).name)
      expect(inSource).toEqual(inTarget)
      expect(model.history.violations(inTarget)).toEqual([])
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
})
