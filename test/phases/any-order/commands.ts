import fc from 'fast-check'
import type { Phase } from '../../../src/plan/plan.ts'
import type { Counted, Written } from '../../runtime/anomalies.ts'
import { History } from '../../runtime/history.ts'
import type { Ended } from '../../setup/cli.ts'
import { user } from '../world.ts'
import type { Instance, Point } from './instance.ts'
import type { System } from './system.ts'

/** What is known of a run so far. */
export class Model {
  readonly users = new History()
  readonly lists = new Map<string, Written[]>()
  readonly scores = new Map<string, Counted>()
  /** Of the records of this run, so that those before it do not matter. */
  readonly prefix: string
  readonly underWay = new Set<Promise<unknown>>()
  /** Nobody may write the source alone once B was tried: whoever ran it has said so. */
  phase: Phase = 'A'
  /** What commands said that they should not have said. */
  readonly complaints: string[] = []
  /** For people who want to know what happened. */
  readonly log: string[] = []

  constructor(prefix: string) {
    this.prefix = prefix
  }

  /** Lets work go on behind the next commands, or waits for it, for a while: what hangs is let go by a later command. */
  async goes(work: Promise<unknown>, waits: boolean): Promise<void> {
    this.underWay.add(work)
    work.finally(() => this.underWay.delete(work))
    if (waits) await Promise.race([work, new Promise((resolve) => setTimeout(resolve, 60))])
  }
}

export type Command = fc.AsyncCommand<Model, System>

const command = (
  name: string,
  run: (model: Model, system: System) => Promise<unknown> | unknown,
  check: (model: Model) => boolean = () => true,
): Command => ({
  check: (model) => check(model),
  run: async (model, system) => {
    model.log.push(name)
    await run(model, system)
  },
  toString: () => name,
})

const REFUSED: ReadonlySet<string> = new Set(['WRITE_REFUSED', 'ROLLOUT_COMMAND', 'ROUTE_UNKNOWN'])

/** A write on its way: how it ends is how its caller hears of it. */
async function heard(
  it: Instance,
  work: (it: Instance) => Promise<unknown>,
  ended: (how: 'done' | 'refused') => void,
): Promise<void> {
  try {
    if ((await it.does(work)) !== 'killed') ended('done')
  } catch (error) {
    if (REFUSED.has((error as { code?: string }).code ?? '')) ended('refused')
  }
}

let values = 0

/** What happens to an instance in the middle of a write. */
interface Fault {
  readonly point: Point
  readonly what: 'kill' | 'freeze'
}
const told = (fault: Fault | undefined, waits: boolean): string =>
  `${fault ? `, ${fault.what} ${fault.point}` : ''}${waits ? '' : ' and'}`

const put = (
  by: number,
  record: number,
  name: 'put' | 'set' | 'delete' | 'del',
  waits: boolean,
  fault: Fault | undefined,
): Command =>
  command(`${name} ${record} by ${by}${told(fault, waits)}`, async (model, { instances }) => {
    const it = instances[by]!
    if (!it.isUp) return
    if (fault) it.arm(fault.point, fault.what)
    const id = `${model.prefix}${record}`
    const value = name === 'delete' || name === 'del' ? null : `v${++values}`
    const write = model.users.begin(id, value)
    const work = ({ kvmig, redis }: Instance): Promise<unknown> => {
      if (name === 'put') return kvmig.store('users').put({ id, name: value, visits: 0 })
      if (name === 'delete') return kvmig.store('users').delete({ id })
      return name === 'set' ? redis.set(`user:${id}`, user(value!)) : redis.del(`user:${id}`)
    }
    await model.goes(
      heard(it, work, (how) => {
        if (how === 'done') model.users.done(write)
        else write.refused = true
      }),
      waits,
    )
  })

const increment = (by: number, counter: number, waits: boolean, fault: Fault | undefined): Command =>
  command(`hincrby ${counter} by ${by}${told(fault, waits)}`, async (model, { instances }) => {
    const it = instances[by]!
    if (!it.isUp) return
    if (fault) it.arm(fault.point, fault.what)
    const player = `${model.prefix}${counter}`
    const counted = model.scores.get(player) ?? { done: 0, unknown: 0 }
    model.scores.set(player, counted)
    counted.unknown += 1
    await model.goes(
      heard(
        it,
        ({ redis }) => redis.hincrby('scores:go', player, 1),
        (how) => {
          counted.unknown -= 1
          if (how === 'done') counted.done += 1
        },
      ),
      waits,
    )
  })

const append = (by: number, list: number, waits: boolean, fault: Fault | undefined): Command =>
  command(`rpush ${list} by ${by}${told(fault, waits)}`, async (model, { instances }) => {
    const it = instances[by]!
    if (!it.isUp) return
    if (fault) it.arm(fault.point, fault.what)
    const id = `${model.prefix}${list}`
    const appends = model.lists.get(id) ?? []
    model.lists.set(id, appends)
    const write: Written = {
      record: id,
      value: `v${++values}`,
      began: model.users.now(),
      ended: undefined,
      refused: false,
    }
    appends.push(write)
    await model.goes(
      heard(
        it,
        ({ redis }) => redis.rpush(`list:${id}`, write.value!),
        (how) => {
          if (how === 'done') write.ended = model.users.now()
          else write.refused = true
        },
      ),
      waits,
    )
  })

export async function readOne(model: Model, it: Instance, record: string): Promise<void> {
  const began = model.users.now()
  const row = await it
    .does(({ kvmig }) => kvmig.store('users').get({ id: record }))
    .catch(() => 'failed' as const)
  if (row === 'failed' || row === 'killed') return
  model.users.saw({ record, value: (row?.name as string | undefined) ?? null, began })
}

const read = (by: number, record: number): Command =>
  command(`get ${record} by ${by}`, async (model, { instances }) => {
    const it = instances[by]!
    if (it.isUp) await model.goes(readOne(model, it, `${model.prefix}${record}`), true)
  })

/** An instance that does not use the runtime yet, and writes the source alone. */
const oldWrite = (record: number, isDelete: boolean): Command =>
  command(
    `${isDelete ? 'del' : 'set'} ${record} by one without the runtime`,
    async (model, { world }) => {
      const id = `${model.prefix}${record}`
      const value = isDelete ? null : `v${++values}`
      const write = model.users.begin(id, value)
      await (value === null
        ? world.redis.client.del(`user:${id}`)
        : world.redis.client.set(`user:${id}`, user(value)))
      model.users.done(write)
    },
    (model) => model.phase === 'A',
  )

export const APPLY_B = ['apply', '--phase=B', '--expect=1', '--wait=2', '--confirm-deletes=1000'] as const
export const APPLY_C = ['apply', '--phase=C', '--wait=2'] as const

/** Every word that a command may end with: nothing unexpected, and no repair where nobody wrote past the protocol. */
export function judgeCommand(model: Model, args: readonly string[], { code, stdout, stderr }: Ended): void {
  const said = `kvmig ${args.join(' ')}: ${code} ${stdout}${stderr}`
  model.log.push(`  ${code} ${/kvmig: (\w+)/.exec(stderr)?.[1] ?? ''} ${args.join(' ')}`)
  if (/UNEXPECTED/.test(stderr)) model.complaints.push(said)
  if (/repaired|in the source alone|taken over from/.test(stdout)) model.complaints.push(said)
}

const cli = (name: string, args: readonly string[], waits: boolean, phase?: Phase): Command =>
  command(`kvmig ${name}${waits ? '' : ' and'}`, async (model, system) => {
    if (phase) model.phase = phase
    const work = system.command(args).then((ended) => {
      judgeCommand(model, args, ended)
      if (name === 'rollback --to=A' && ended.code === 0) model.phase = 'A'
    })
    model.underWay.add(work)
    work.finally(() => model.underWay.delete(work))
    if (waits) await work
  })

/** Records that are few, so that writers meet. */
const RECORDS = 2
export const recordsOf = ({ prefix }: Model): readonly string[] =>
  Array.from({ length: RECORDS }, (_, at) => `${prefix}${at}`)

const POINTS: readonly Point[] = [
  'before.record',
  // Here the two stores know different things.
  'after.record',
  'before.carry',
  'before.carry',
  'after.carry',
  'before.settle',
  'before.set',
  'after.set',
]

/** What may happen, by as many instances as there are. Writes are most of it. */
export function commandsOf(instances: number): fc.Arbitrary<Command>[] {
  const who = fc.nat({ max: instances - 1 })
  const record = fc.nat({ max: RECORDS - 1 })
  const waits = fc.boolean()
  const fault: fc.Arbitrary<Fault | undefined> = fc.option(
    fc.record({ point: fc.constantFrom(...POINTS), what: fc.constantFrom('kill', 'freeze', 'freeze') }),
    { freq: 2, nil: undefined },
  )
  const write = fc
    .tuple(who, record, fc.constantFrom('put', 'put', 'set', 'delete', 'del'), waits, fault)
    .map((it) => put(...(it as Parameters<typeof put>)))
  return [
    ...Array<typeof write>(10).fill(write),
    fc.tuple(who, record, waits, fault).map((it) => increment(...it)),
    fc.tuple(who, record, waits, fault).map((it) => append(...it)),
    fc.tuple(who, record).map((it) => read(...it)),
    fc.tuple(record, fc.boolean()).map((it) => oldWrite(...it)),
    who.map((by) => command(`kill ${by}`, (_, { instances }) => instances[by]!.kill())),
    who.map((by) => command(`thaw ${by}`, (_, { instances }) => instances[by]!.thaw())),
    who.map((by) =>
      command(`deploy ${by}`, async (_, system) => {
        const it = system.instances[by]!
        if (it.isUp) await it.stop()
        await it.start()
      }),
    ),
    fc.tuple(who, fc.constantFrom('sql', 'kv'), fc.nat({ max: 1500 })).map(([by, what, bytes]) =>
      command(`cut ${what} of ${by} after ${bytes}`, (_, { instances }) => {
        if (instances[by]!.isUp) instances[by]!.cut(what as 'sql' | 'kv', bytes)
      }),
    ),
    fc
      .tuple(fc.constantFrom('sql', 'kv'), fc.nat({ max: 60_000 }))
      .map(([what, bytes]) =>
        command(`cut ${what} of the command line after ${bytes}`, (_, system) =>
          system.cutCommand(what as 'sql' | 'kv', bytes),
        ),
      ),
    fc
      .tuple(who, fc.constantFrom(-3_600_000, 1500, 90_000, 86_400_000))
      .map(([by, millis]) =>
        command(`the clock of ${by} steps by ${millis}`, (_, { instances }) =>
          instances[by]!.stepClock(millis),
        ),
      ),
    fc.constant(command('those that are down are forgotten', (_, system) => system.forgetDead())),
    waits.map((it) => cli('apply --phase=B', APPLY_B, it, 'B')),
    waits.map((it) => cli('apply --phase=B', APPLY_B, it, 'B')),
    waits.map((it) => cli('apply --phase=C', APPLY_C, it)),
    waits.map((it) => cli('reconcile', ['reconcile'], it)),
    waits.map((it) => cli('rollback', ['rollback', '--to=B'], it)),
    waits.map((it) => cli('rollback --to=A', ['rollback', '--to=A'], it)),
    waits.map((it) => cli('apply --again', ['apply', '--phase=A', '--again'], it)),
  ]
}
