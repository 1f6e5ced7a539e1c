import type { LiveReply } from '../sources/live-store.ts'
import type { Operation } from '../state/metrics.ts'
import { hex, Places } from './command-places.ts'
import { dualWrite, isOnAllKeys, refuse, unmapped, unread, unsupported } from './command-refusal.ts'
import {
  blindWrite,
  type CommandWork,
  decideCommands,
  namedPlaces,
  type Outcome,
  plansInNeed,
  type WorkStep,
} from './command-work.ts'
import type { Command, Subject } from './commands/command.ts'
import { COMMANDS } from './commands/index.ts'
import { contentOf } from './elements.ts'
import type { Engine } from './engine.ts'
import type { AnyKind, Claimed, KeyClaims } from './key-claims.ts'
import { readSide } from './protocol.ts'
import { type Modified, MoreRecords, type Native } from './record-write.ts'
import type { Compared, Shadow } from './shadow.ts'
import { Watching } from './watching.ts'

/** A command of the application: its name in lower case, its arguments, and the keys among them. */
export interface Invocation {
  readonly name: string
  readonly args: readonly Buffer[]
  readonly keys: readonly Buffer[]
  /** What it does, where no store has a command for that: then nothing is done where its plan is in A (`together` gives undefined). */
  readonly command?: Command
}

export interface CommandRunParts {
  readonly engine: Engine
  readonly shadow: Shadow
  readonly claims: KeyClaims
  /** The source of the client. */
  readonly source: string
  readonly forced: ReadonlyMap<string, 'source' | 'target'>
}

/**
 * Carries out commands on keys that a plan claims, by its route: in the source alone, on both sides, or in Postgres. What cannot be carried
 * out right is refused with COMMAND_UNSUPPORTED or DUAL_WRITE, in every phase.
 */
export class CommandRunner {
  readonly #parts: CommandRunParts

  constructor(parts: CommandRunParts) {
    this.#parts = parts
  }

  isClaimed(keys: readonly Buffer[]): boolean {
    return this.#parts.claims.any(keys)
  }

  /** Is a command none of the client's own, because of its keys or because it is about all keys? */
  concerns({ name, keys }: Pick<Invocation, 'name' | 'keys'>): boolean {
    return this.isClaimed(keys) || isOnAllKeys(name)
  }

  /** One command. `native` sends it to the source as it is: for reads while the source answers them. Gives bytes for text. */
  async run(
    invocation: Invocation,
    native: () => Promise<unknown>,
  ): Promise<{ readonly reply: unknown; readonly isNative: boolean }> {
    const command = COMMANDS[invocation.name]
    if (command?.reads || NATIVE_READS.has(invocation.name)) return this.#read(invocation, command, native)
    if (!command) throw unsupported(invocation.name)
    const [outcome] = (await this.together([invocation]))!
    if ('error' in outcome!) throw outcome.error
    return { reply: outcome!.reply, isNative: false }
  }

  /** For what reads the source past everything, a stream of a client: throws COMMAND_UNSUPPORTED where one of the keys is read from Postgres. */
  mayReadSource(name: string, keys: readonly Buffer[]): void {
    const { claims, engine, forced } = this.#parts
    for (const plan of keys.flatMap((it) => claims.plansOf(it)))
      if ((forced.get(plan) ?? readSide(engine.options.watcher.route(plan).phase)) === 'target')
        throw unread(name)
  }

  /** Begins to watch, for `together`. */
  watching(): Watching {
    return new Watching(this.#parts)
  }

  /**
   * All at one instant, as between MULTI and EXEC: each answers for itself, and all are one write on each side, whosever their keys are.
   * Undefined: something has changed that was watched, and nothing took place. Measured as one call of each plan.
   */
  async together(
    invocations: readonly Invocation[],
    watching?: Watching,
  ): Promise<readonly Outcome[] | undefined> {
    const steps = invocations.map((it) => this.#step(it))
    const plans = [...new Set(steps.flatMap((it) => it.plan ?? []))]
    const calls = plans.map((plan) => [plan, operationOf(steps.filter((it) => it.plan === plan))] as const)
    return this.#measured(calls, () => this.#carryOut(invocations, steps, watching))
  }

  /** The same as a part of a call that somebody else measures. */
  async within(
    invocations: readonly Invocation[],
    watching?: Watching,
  ): Promise<readonly Outcome[] | undefined> {
    return this.#carryOut(
      invocations,
      invocations.map((it) => this.#step(it)),
      watching,
    )
  }

  /** A call of the application, as the checks of latency and errors count it. */
  #measured<T>(calls: readonly (readonly [plan: string, Operation])[], work: () => Promise<T>): Promise<T> {
    const { recorder } = this.#parts.engine.options
    return calls.reduce(
      (inner, [plan, operation]) =>
        () =>
          recorder.time(plan, 'call', operation, inner),
      work,
    )()
  }

  async #carryOut(
    invocations: readonly Invocation[],
    steps: readonly Step[],
    watching: Watching | undefined,
  ): Promise<readonly Outcome[] | undefined> {
    const { engine, source } = this.#parts
    const places = new Places()
    for (;;) {
      const dual = steps.filter((it): it is PlanStep => this.#isDual(it))
      if (steps.some((it, at) => invocations[at]!.command && !this.#isDual(it))) return undefined
      const native = nativeOf(steps.filter((it) => !this.#isDual(it)))
      const work: CommandWork = {
        steps: dual,
        claimed: new Map(dual.flatMap((it) => [...it.claimed])),
        dropped: this.#dropped,
      }
      const now = dual.some((it) => it.command.isTimed?.(it.args)) ? await engine.clock(source) : Number.NaN
      const blind = steps.length === 1 && !watching ? blindWrite(work, now) : undefined
      if (blind) {
        await engine.write(dual[0]!.plan, blind.writes)
        return [{ reply: blind.reply }]
      }
      if (watching?.hasSourceOnly && dual.some((it) => !it.command.reads))
        throw refuse(
          'exec',
          'keys of plans that are written to both sides, with a WATCH on keys that only the source has,',
          'Let a plan claim what is watched, or bring its plan to B as well.',
        )
      let outcomes: readonly Outcome[] = []
      let modified: Modified
      if (dual.length === 0 && !watching?.isBesideTarget)
        modified = await engine.command(source, native, watching)
      else {
        await this.#enumerate(work, places)
        const records = places.list
        const decide = (bases: Parameters<typeof decideCommands>[2]) => {
          const decided = decideCommands(work, records, bases, now)
          if (decided.missing.length > 0) throw new MoreRecords(decided.missing)
          outcomes = decided.outcomes
          return decided.writes
        }
        try {
          modified = await engine.modify({
            plans: [...new Set(dual.map((it) => it.plan))],
            records,
            needsBase: watching ? dual.flatMap((it) => (it.command.reads ? [] : it.plan)) : plansInNeed(work),
            ...(native.commands.length > 0 && { native }),
            ...(watching && { watch: watching }),
            decide,
          })
        } catch (error) {
          if (!(error instanceof MoreRecords)) throw error
          for (const it of error.records) places.add(it.kind, it.place)
          continue
        }
      }
      if (modified.is === 'changed') return undefined
      if (modified.is !== 'done') continue
      const [ours, theirs] = [outcomes.values(), modified.replies.values()]
      return steps.map((it) =>
        dual.includes(it as PlanStep) ? ours.next().value! : outcomeOf(it.name, theirs.next().value!),
      )
    }
  }

  /** Of a plan that is written to both sides, as far as is known. */
  #isDual = ({ plan }: Step): boolean =>
    plan !== undefined && this.#parts.engine.options.watcher.route(plan).phase !== 'A'

  /** What no column takes is in the source alone: in B that is what is read, and gate C asks for it; later it would be gone. */
  #dropped = (kind: AnyKind, fields: readonly string[]): void => {
    if (fields.length === 0) return
    const { watcher, recorder } = this.#parts.engine.options
    if (readSide(watcher.route(kind.plan).phase) === 'target') throw unmapped(kind.plan, fields)
    recorder.count(kind.plan, 'write.unmapped')
  }

  /** Who has the keys of a command: one plan, or none. */
  #step({ name, args, keys, command = COMMANDS[name] }: Invocation): Step {
    const { claims } = this.#parts
    if (!command) {
      if (this.concerns({ name, keys })) throw unsupported(name)
      return freeStep({ name, args, keys })
    }
    const subjects = command.subjects(args)
    const claimed = new Map<string, Claimed>()
    for (const { key, type } of subjects) {
      const found = claims.of(name, key, type)
      if (found) claimed.set(hex(key), found)
    }
    const [plan, ...others] = new Set([...claimed.values()].map((it) => it.kind.plan))
    if (plan === undefined) return freeStep({ name, args, keys })
    if (others.length > 0 || subjects.some((it) => !claimed.has(hex(it.key))))
      throw refuse(
        name,
        'keys of several plans, or some that none claims,',
        'Send one command for each plan; MULTI keeps them together.',
      )
    return { name, args, keys, plan, command, subjects, claimed }
  }

  /** Finds the elements of keys that are wanted whole and whose elements are records: those of either side. */
  async #enumerate({ steps, claimed }: CommandWork, places: Places): Promise<void> {
    const { engine } = this.#parts
    for (const { subjects } of steps)
      for (const { key, names } of subjects) {
        const { kind, whole } = claimed.get(hex(key))!
        if (kind.element === 'key') places.add(kind, { key, part: '' })
        else if (names) for (const it of namedPlaces(kind, key, names)) places.add(kind, it)
        else if (!places.isWhole(key)) {
          if ('because' in whole) throw dualWrite(kind.plan, whole)
          const { phase } = engine.options.watcher.route(kind.plan)
          for (const part of await engine.rows.partsOf(whole, key, phase)) places.add(kind, { key, part })
          places.markWhole(key)
        }
      }
  }

  async #read(
    invocation: Invocation,
    command: Command | undefined,
    native: () => Promise<unknown>,
  ): Promise<{ readonly reply: unknown; readonly isNative: boolean }> {
    const plans = new Set(invocation.keys.flatMap((key) => this.#parts.claims.plansOf(key)))
    const calls = [...plans].map((plan) => [plan, 'get'] as const)
    return this.#measured(calls, () => this.#readOf(plans, invocation, command, native))
  }

  async #readOf(
    plans: ReadonlySet<string>,
    { name, args, keys }: Invocation,
    command: Command | undefined,
    native: () => Promise<unknown>,
  ): Promise<{ readonly reply: unknown; readonly isNative: boolean }> {
    const { engine, forced } = this.#parts
    const entered = await Promise.all([...plans].map((plan) => engine.options.watcher.enter(plan, 'read')))
    try {
      const sides = [...plans].map((plan, index) => forced.get(plan) ?? readSide(entered[index]!.phase))
      for (const plan of plans) engine.options.recorder.count(plan, 'source.read')
      if (sides.every((it) => it === 'source')) return { reply: await native(), isNative: true }
      if (!command) throw unread(name)
      return { reply: await this.#readTarget(name, args, command), isNative: false }
    } finally {
      for (const it of entered) it.leave()
      if (entered.some(({ phase }) => phase === 'B' || phase === 'C'))
        this.#parts.shadow.maybe(() => this.#compared(name, args, keys, command))
    }
  }

  /** One of the records that a command has read, for a comparison of both sides. */
  #compared(
    name: string,
    args: readonly Buffer[],
    keys: readonly Buffer[],
    command: Command | undefined,
  ): Compared | undefined {
    const { claims, engine } = this.#parts
    const subjects = command?.subjects(args) ?? keys.map((key): Subject => ({ key, type: undefined }))
    const subject = oneOf(subjects)
    if (!subject) return undefined
    const { key, names, type } = subject
    const found = claims.find(name, key, type)
    if (!found || !['B', 'C'].includes(engine.options.watcher.route(found.kind.plan).phase)) return undefined
    const { kind, whole } = found
    if (kind.element !== 'key' && names) {
      const place = oneOf(namedPlaces(kind, key, names))
      return place && isAlone(kind) ? { kind, place } : undefined
    }
    const read = kind.element === 'key' ? kind : whole
    // Who has a row that several records give, their comparison says, not one of theirs.
    return 'because' in read || !isAlone(read) ? undefined : { kind: read, place: { key, part: '' } }
  }

  async #readTarget(name: string, args: readonly Buffer[], command: Command): Promise<unknown> {
    const { engine, source } = this.#parts
    const subjects = command.subjects(args)
    const held = await Promise.all(
      subjects.map(async ({ key, names, type }) => {
        const own = this.#parts.claims.of(name, key, type)
        if (!own)
          throw refuse(name, 'keys of which some are claimed by no plan', 'Send one command for each.')
        const { kind, whole } = own
        const isPart = kind.element !== 'key' && names !== undefined
        const read = isPart || kind.element === 'key' ? kind : whole
        if ('because' in read) throw dualWrite(kind.plan, read)
        const places = isPart ? namedPlaces(kind, key, names) : [{ key, part: '' }]
        const entries = await Promise.all(
          places.map((place) =>
            engine.options.recorder.time(kind.plan, 'target', 'get', () => engine.rows.entry(read, place)),
          ),
        )
        return contentOf(entries)
      }),
    )
    const now = command.isTimed?.(args) ? await engine.clock(source) : Number.NaN
    return command.run(held, args, now).reply
  }
}

const oneOf = <T>(all: readonly T[]): T | undefined => all[Math.floor(Math.random() * all.length)]

const isAlone = (kind: AnyKind): boolean => !('mappings' in kind) || !kind.collides

/** A command and who has its keys: no plan, or one. */
interface Step extends Omit<Invocation, 'command'>, Partial<Omit<WorkStep, 'args'>> {
  readonly plan?: string
  readonly claimed?: ReadonlyMap<string, Claimed>
}

type PlanStep = Required<Step>

function operationOf(steps: readonly Step[]): Operation {
  const writes = steps.filter((it) => !it.command?.reads)
  if (writes.length === 0) return 'get'
  return writes.every((it) => it.name === 'del' || it.name === 'unlink') ? 'delete' : 'put'
}

/** A command whose keys no plan has: anything but what would change the connection, which is not the application's. */
function freeStep(step: Invocation): Step {
  if (step.keys.length > 0 || FREE.has(step.name)) return step
  throw refuse(
    step.name,
    'no key, in a transaction with keys that a plan claims,',
    'Send it before or after the transaction.',
  )
}

const FREE: ReadonlySet<string> = new Set(['ping', 'echo', 'time', 'publish', 'dbsize'])

const nativeOf = (steps: readonly Step[]): Native => ({
  plans: [...new Set(steps.flatMap((it) => it.plan ?? []))],
  keys: [...new Map(steps.flatMap((it) => it.keys.map((key) => [hex(key), key] as const))).values()],
  commands: steps.map((it) => [Buffer.from(it.name), ...it.args]),
})

const outcomeOf = (name: string, { reply, error }: LiveReply): Outcome =>
  error === undefined ? { reply: name === 'hgetall' ? asObject(reply) : reply } : { error: new Error(error) }

/** As ioredis gives a hash. */
function asObject(reply: unknown): unknown {
  if (!Array.isArray(reply)) return reply
  const words = reply.map(String)
  return Object.fromEntries(words.flatMap((it, at) => (at % 2 === 0 ? [[it, words[at + 1]]] : [])))
}

/** Read commands that the source answers itself, in A and B. */
const NATIVE_READS: ReadonlySet<string> = new Set(
  `bitcount bitfield_ro bitpos dump geodist geohash geopos georadius_ro georadiusbymember_ro geosearch getbit hexpiretime hpexpiretime hpttl
  hrandfield hscan httl lcs lpos memory object pfcount sdiff sinter sintercard sort_ro srandmember sscan substr sunion touch xinfo xlen xpending
  xrange xrevrange zdiff zinter zintercard zlexcount zrandmember zrangebylex zrevrangebylex zscan zunion`.split(
    /\s+/,
  ),
)
