import fc from 'fast-check'
import type { Internals } from '../../../src/runtime/connect.ts'
import type { ConnectOptions } from '../../../src/runtime/kvmig.ts'
import { outboxDepth } from '../../../src/state/outbox.ts'
import { openTarget } from '../../../src/target/connect.ts'
import type { Target } from '../../../src/target/target.ts'
import { counterAnomalies, listAnomalies } from '../../runtime/anomalies.ts'
import {
  APPLY_B,
  APPLY_C,
  type Command,
  commandsOf,
  judgeCommand,
  Model,
  readOne,
  recordsOf,
} from './commands.ts'
import { type Content, type System, startSystem } from './system.ts'

const INSTANCES = 2

/** Systems for the runs of a property: one after the other uses the same, until one is left in a bad way. */
export class Runs {
  readonly #options: ConnectOptions
  readonly #internals: Internals
  #system: System | undefined
  #target: Target | undefined
  #run = 0
  /** Commands that were run. */
  commands = 0

  constructor(options: ConnectOptions = {}, internals: Internals = {}) {
    this.#options = options
    this.#internals = internals
  }

  /** The property: whatever happens in whatever order, both stores end alike, and as the history says. */
  property(maxCommands: number): fc.IAsyncProperty<[Iterable<Command>]> {
    const commands = fc.commands(commandsOf(INSTANCES), { maxCommands, size: 'max' })
    return fc.asyncProperty(commands as fc.Arbitrary<Iterable<Command>>, (it) => this.#once(it))
  }

  async stop(): Promise<void> {
    await this.#target?.close()
    await this.#system?.stop()
    this.#system = undefined
    this.#target = undefined
  }

  async #once(commands: Iterable<Command>): Promise<void> {
    this.#run += 1
    const model = new Model(`${this.#run}-`)
    this.#system ??= await startSystem(INSTANCES, this.#options, this.#internals)
    const system = this.#system
    this.#target ??= await openTarget(system.world.database.url)
    try {
      await fc.asyncModelRun(() => ({ model, real: system }), commands)
      this.commands += model.log.filter((it) => !it.startsWith(' ')).length
      await settled(model, system)
      await this.#finish(model, system)
    } catch (error) {
      // What is left is not what the next run begins with.
      await this.stop().catch(() => {})
      throw new Error(`${(error as Error).message}\n${model.log.join('\n')}`, { cause: error })
    }
  }

  /** All faults have ended. On to B, and there both stores are compared before anything could have repaired them; then to C, and back to A. */
  async #finish(model: Model, system: System): Promise<void> {
    await this.#until(model, system, APPLY_B)
    await this.#drained(system)
    await this.#compare(model, system, 'in B')
    await this.#read(model, system)
    await this.#until(model, system, ['reconcile'])
    await this.#until(model, system, APPLY_C)
    await this.#read(model, system)
    await this.#until(model, system, ['rollback', '--to=A'])
    await this.#compare(model, system, 'in A again')
    if (model.complaints.length > 0) throw new Error(model.complaints.join('\n'))
  }

  async #until(model: Model, system: System, args: readonly string[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const ended = await system.command(args)
      judgeCommand(model, args, ended)
      if (ended.code === 0) return
      if (attempt === 10)
        throw new Error(`kvmig ${args.join(' ')} does not end with 0: ${ended.stdout}${ended.stderr}`)
      // Gone in whatever way, it said so or was silent for long enough.
      await system.forgetDead()
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  /** What waits for the source gets there by itself. */
  async #drained(_: System): Promise<void> {
    const until = performance.now() + 10_000
    for (;;) {
      const left = await this.#target!.transaction(outboxDepth)
      if (left.length === 0) return
      if (performance.now() > until) throw new Error(`the outbox does not empty: ${JSON.stringify(left)}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async #compare(model: Model, system: System, when: string): Promise<void> {
    const { source, target } = await system.content(model.prefix)
    const [left, right] = [shown(source), shown(target)]
    if (left !== right) throw new Error(`the stores differ ${when}:\nsource ${left}\ntarget ${right}`)
    const found = [
      ...model.users.anomalies(target.users),
      ...[...model.lists].flatMap(([id, appends]) => listAnomalies(appends, target.lists.get(id) ?? [])),
      ...[...model.scores].flatMap(([id, counted]) =>
        counterAnomalies(id, counted, target.scores.get(id) ?? 0),
      ),
    ]
    if (found.length > 0)
      throw new Error(`${when}: ${found.map((it) => `${it.kind}: ${it.what}`).join('\n')}`)
  }

  async #read(model: Model, system: System): Promise<void> {
    for (const it of system.instances) for (const id of recordsOf(model)) await readOne(model, it, id)
  }
}

/** Everybody is there again, and has finished what they were at. */
async function settled(model: Model, system: System): Promise<void> {
  await system.calm()
  while (model.underWay.size > 0) {
    await Promise.race([Promise.all(model.underWay), new Promise((resolve) => setTimeout(resolve, 20))])
    for (const it of system.instances) it.disarm()
  }
  // Whoever was killed at the last moment.
  await system.calm()
}

const shown = ({ users, scores, lists }: Content): string =>
  JSON.stringify([users, scores, lists].map((it) => Object.fromEntries([...it].sort())))
