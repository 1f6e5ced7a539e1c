import { KvmigError } from '../errors.ts'
import type { CompiledMapping, Router } from '../mapping/mapping.ts'
import { ENTRY_TYPES, type EntryType } from '../plan/plan.ts'
import type { Change } from '../sources/change.ts'
import type { Entry, EntryValue } from '../sources/source.ts'
import type { Place } from '../state/touches.ts'
import type { Command, Subject } from './commands/command.ts'
import { CommandError, type Held } from './commands/content.ts'
import { COMMANDS } from './commands/index.ts'
import { contentOf, elementChange, elementsOf } from './elements.ts'
import type { Engine } from './engine.ts'
import type { EntryKind } from './entry-kind.ts'
import { readSide } from './protocol.ts'
import { nameOf, type RecordKind, type Refusal } from './record-kind.ts'
import type { Modification, PlaceWrite } from './record-write.ts'

/** A command of the application: its name in lower case, its arguments, and the keys among them. */
export interface Invocation {
  readonly name: string
  readonly args: readonly Buffer[]
  readonly keys: readonly Buffer[]
}

export interface CommandRunParts {
  readonly engine: Engine
  readonly router: Router
  /** The source of the client. */
  readonly source: string
  /** The records of a mapping, or why it has none that are one row each. */
  readonly kindOf: (mapping: CompiledMapping) => RecordKind | Refusal
  /** The entries that these mappings read, or why they cannot be written twice. */
  readonly entryKindOf: (mappings: readonly CompiledMapping[]) => EntryKind | Refusal
  readonly forced: ReadonlyMap<string, 'source' | 'target'>
}

/** What became of one command of several. */
export type Outcome = { readonly reply: unknown } | { readonly error: Error }

type AnyKind = RecordKind | EntryKind

/** Who has a key: its plan, and how it is written. */
interface Claimed {
  readonly key: Buffer
  readonly kind: AnyKind
  /** The same key where it is written as a whole, or read from its rows. */
  readonly whole: EntryKind | Refusal
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
    return keys.some((key) => this.#parts.router.mayClaim(key) === 'entry')
  }

  /** One command. `native` sends it to the source as it is: for reads while the source answers them. Gives bytes for text. */
  async run(
    invocation: Invocation,
    native: () => Promise<unknown>,
  ): Promise<{ readonly reply: unknown; readonly isNative: boolean }> {
    const command = COMMANDS[invocation.name]
    if (command?.reads || NATIVE_READS.has(invocation.name)) return this.#read(invocation, command, native)
    if (!command) throw unsupported(invocation.name)
    const [outcome] = await this.together([invocation])
    if ('error' in outcome!) throw outcome.error
    return { reply: outcome!.reply, isNative: false }
  }

  /** All at one instant, as between MULTI and EXEC: each answers for itself, and all are one write on each side. */
  async together(invocations: readonly Invocation[]): Promise<readonly Outcome[]> {
    const { engine, source } = this.#parts
    const steps = invocations.map((it) => {
      const command = COMMANDS[it.name]
      if (!command) throw unsupported(it.name)
      return { ...it, command, subjects: command.subjects(it.args) }
    })
    const claimed = this.#claimed(steps)
    const plans = new Set([...claimed.values()].map((it) => it.kind.plan))
    const [plan, ...others] = plans
    if (plan === undefined || others.length > 0 || claimed.size < keysIn(steps).size)
      throw refuse(
        steps.map((it) => it.name.toUpperCase()).join(', '),
        'keys of several plans, or some that none claims',
        'Send one command, or one transaction, for each plan.',
      )
    const work: Work = { steps, claimed, plan }
    const places = new Places()
    for (;;) {
      const replies = await engine.command(
        plan,
        uniqueKeys(invocations.flatMap((it) => it.keys)),
        invocations.map((it) => [Buffer.from(it.name), ...it.args]),
      )
      if (replies)
        return replies.map((it, index) =>
          it.error === undefined
            ? { reply: steps[index]!.name === 'hgetall' ? asObject(it.reply) : it.reply }
            : { error: new Error(it.error) },
        )
      const now = steps.some((it) => it.command.isTimed?.(it.args)) ? await engine.clock(source) : Number.NaN
      const blind = this.#blind(work, now)
      if (blind) {
        await engine.write(plan, blind.writes)
        return [{ reply: blind.reply }]
      }
      await this.#enumerate(work, places)
      const outcome = await this.#modify(work, places, now)
      if (outcome) return outcome
    }
  }

  /** A single command that looks at nothing, on records that are one row each: nobody looks. */
  #blind(
    { steps, claimed }: Work,
    now: number,
  ): { readonly writes: readonly PlaceWrite[]; readonly reply: unknown } | undefined {
    const [step, ...others] = steps
    if (others.length > 0 || !step!.command.isBlind?.(step!.args)) return undefined
    const kinds = step!.subjects.map((it) => claimed.get(hex(it.key))!.kind)
    if (kinds.some((it) => 'mappings' in it || it.element !== 'key')) return undefined
    const { after, reply } = step!.command.run([], step!.args, now)
    const writes = after.map((held, index) => {
      const place = { key: step!.subjects[index]!.key, part: '' }
      return this.#writeOf(kinds[index]!, place, {
        change: changeOf(held),
        base: undefined,
        expiresAt: held?.expiresAt ?? null,
      })
    })
    return { writes, reply }
  }

  /** Finds the elements of keys that are wanted whole and whose elements are records: those of either side. */
  async #enumerate({ steps, claimed }: Work, places: Places): Promise<void> {
    const { engine } = this.#parts
    for (const { subjects } of steps)
      for (const { key, names } of subjects) {
        const { kind, whole } = claimed.get(hex(key))!
        if (kind.element === 'key') places.add(kind, { key, part: '' })
        else if (names) for (const it of names) places.add(kind, { key, part: partOf(kind, it) })
        else if (!places.isWhole(key)) {
          if ('because' in whole) throw dualWrite(kind.plan, whole)
          const { phase } = engine.options.watcher.route(kind.plan)
          for (const part of await engine.rows.partsOf(whole, key, phase)) places.add(kind, { key, part })
          places.markWhole(key)
        }
      }
  }

  /** Undefined where the plan is in A by now, or where elements came into being that were not known: then it begins anew. */
  async #modify(work: Work, places: Places, now: number): Promise<readonly Outcome[] | undefined> {
    const { engine } = this.#parts
    const { steps, plan } = work
    const records = places.list
    let outcomes: readonly Outcome[] = []
    const modification: Modification = {
      records,
      needsBase: steps.some(({ command, args, subjects }) =>
        command.reads ? false : command.needsBase(args) || subjects.some((it) => this.#isPart(work, it)),
      ),
      decide: (bases) => {
        const decided = this.#decide(work, records, bases, now)
        outcomes = decided.outcomes
        return decided.writes
      },
    }
    if (records.length === 0) {
      // Whole keys of which neither side has an element.
      const decided = this.#decide(work, [], [], now)
      for (const it of decided.missing) places.add(it.kind, it.place)
      return decided.missing.length > 0 ? undefined : decided.outcomes
    }
    try {
      return (await engine.modify(plan, modification)) ? outcomes : undefined
    } catch (error) {
      if (!(error instanceof Missing)) throw error
      for (const it of error.records) places.add(it.kind, it.place)
      return undefined
    }
  }

  // Elements of a record that is one whole: the rest of it stays what it is.
  #isPart({ claimed }: Work, { key, names }: Subject): boolean {
    return names !== undefined && claimed.get(hex(key))!.kind.element === 'key'
  }

  #decide(
    { steps, claimed }: Work,
    records: Modification['records'],
    bases: readonly (Entry | undefined)[],
    now: number,
  ): Decided {
    const before = new Map<string, Held>()
    for (const key of claimed.keys()) {
      const own = records.flatMap(({ place }, index) => (hex(place.key) === key ? [bases[index]] : []))
      before.set(key, contentOf(own))
    }
    const held = new Map(before)
    const outcomes = steps.map(({ command, args, subjects }): Outcome => {
      try {
        const { after, reply } = command.run(
          subjects.map((it) => held.get(hex(it.key))),
          args,
          now,
        )
        if (!command.reads)
          for (const [index, { key }] of subjects.entries()) held.set(hex(key), after[index])
        return { reply }
      } catch (error) {
        if (error instanceof CommandError) return { error }
        throw error
      }
    })
    const changed = new Set([...held].flatMap(([key, it]) => (before.get(key) === it ? [] : [key])))
    if (changed.size === 0) return { outcomes, writes: undefined, missing: [] }
    const missing = missingOf(claimed, records, held)
    if (missing.length > 0) {
      if (records.length > 0) throw new Missing(missing)
      return { outcomes, writes: undefined, missing }
    }
    const writes = records.map(({ kind, place }, index) => {
      const base = bases[index]
      const key = hex(place.key)
      const now = held.get(key)
      if (kind.element === 'key')
        return this.#writeOf(kind, place, { change: changeOf(now), base, expiresAt: now?.expiresAt ?? null })
      const change = elementChange(place, now, before.get(key))
      return this.#writeOf(kind, place, { change, base, expiresAt: now?.expiresAt ?? null })
    })
    return { outcomes, writes, missing: [] }
  }

  #writeOf(
    kind: AnyKind,
    place: Place,
    {
      change,
      base,
      expiresAt,
    }: { readonly change: Change; readonly base: Entry | undefined; readonly expiresAt: number | null },
  ): PlaceWrite {
    if ('mappings' in kind) {
      if (change.do === 'delete') return { kind, place, rows: [], base, change }
      const made = kind.forward(entryOf(place, change.value, expiresAt))
      const known = base ? kind.forward(base).rejects.length : 0
      // What was refused before stays refused; what is refused now is the caller's to mend.
      const [reject] = made.rejects.length > known ? made.rejects.slice(-1) : []
      if (reject) throw rejected(`${kind.plan} ${reject.mapping}`, reject)
      if (made.unclaimed) throw notClaimed(kind.plan)
      return { kind, place, rows: made.rows, base, change }
    }
    if (change.do === 'delete') return { kind, place, row: undefined, change }
    const made = kind.forward(place, entryOf(place, change.value, expiresAt))
    if (made.fate === 'rejected') throw rejected(nameOf(kind), made.reject)
    return { kind, place, row: made.fate === 'row' ? made.row : undefined, change }
  }

  async #read(
    { name, args, keys }: Invocation,
    command: Command | undefined,
    native: () => Promise<unknown>,
  ): Promise<{ readonly reply: unknown; readonly isNative: boolean }> {
    const { engine, forced } = this.#parts
    const plans = new Set(keys.flatMap((key) => this.#plansOf(key)))
    const entered = await Promise.all([...plans].map((plan) => engine.options.watcher.enter(plan, 'read')))
    try {
      const sides = [...plans].map((plan, index) => forced.get(plan) ?? readSide(entered[index]!.phase))
      for (const plan of plans) engine.options.recorder.count(plan, 'source.read')
      if (sides.every((it) => it === 'source')) return { reply: await native(), isNative: true }
      if (!command)
        throw refuse(name, 'a key whose plan is read from Postgres', 'Read it with store(), or with SQL.')
      return { reply: await this.#readTarget(name, args, command), isNative: false }
    } finally {
      for (const it of entered) it.leave()
    }
  }

  async #readTarget(name: string, args: readonly Buffer[], command: Command): Promise<unknown> {
    const { engine, source } = this.#parts
    const subjects = command.subjects(args)
    const claimed = this.#claimed([{ name, args, command, subjects }])
    const held = await Promise.all(
      subjects.map(async ({ key, names }) => {
        const own = claimed.get(hex(key))
        if (!own)
          throw refuse(name, 'keys of which some are claimed by no plan', 'Send one command for each.')
        const { kind, whole } = own
        const isPart = kind.element !== 'key' && names !== undefined
        const read = isPart || kind.element === 'key' ? kind : whole
        if ('because' in read) throw dualWrite(kind.plan, read)
        const parts = isPart ? names.map((it) => partOf(kind, it)) : ['']
        const entries = await Promise.all(
          parts.map((part) =>
            engine.options.recorder.time(kind.plan, 'target', 'get', () =>
              engine.rows.entry(read, { key, part }),
            ),
          ),
        )
        return contentOf(entries)
      }),
    )
    const now = command.isTimed?.(args) ? await engine.clock(source) : Number.NaN
    return command.run(held, args, now).reply
  }

  #plansOf(key: Buffer): readonly string[] {
    return ENTRY_TYPES.flatMap((type) =>
      this.#parts.router.route(key, type).flatMap((it) => (it.kind === 'mappings' ? it.plan : [])),
    )
  }

  #claimed(steps: readonly Step[]): ReadonlyMap<string, Claimed> {
    const found = new Map<string, Claimed>()
    for (const { name, subjects } of steps)
      for (const { key, type } of subjects) {
        const claimed = this.#claimOf(name, key, type)
        if (claimed) found.set(hex(key), claimed)
      }
    return found
  }

  /** Who has a key, whatever type it may have; undefined where no plan does. */
  #claimOf(name: string, key: Buffer, type: EntryType | undefined): Claimed | undefined {
    const { router, kindOf, entryKindOf } = this.#parts
    const mappings = new Set<CompiledMapping>()
    let rules = 0
    let isTaken = type === undefined
    for (const it of ENTRY_TYPES) {
      const routes = router.route(key, it).filter((one) => one.kind === 'mappings')
      for (const { plan, mappings: some } of routes) {
        for (const mapping of some) mappings.add(mapping)
        if (type === undefined || type === it) isTaken = true
        if (plan !== routes[0]!.plan)
          throw refuse(name, 'a key of which the value decides whose it is', 'Use store(), which knows.')
      }
      rules = Math.max(rules, routes.length)
    }
    const [mapping, ...more] = mappings
    if (!mapping) return undefined
    if (!isTaken)
      throw refuse(
        name,
        `a key that the plan takes as another type than a ${type}`,
        'Such a value has no row.',
      )
    const whole = entryKindOf([...mappings])
    const single = more.length === 0 && rules === 1 ? kindOf(mapping) : undefined
    const kind = single && !('because' in single) ? single : whole
    if ('because' in kind) throw dualWrite(mapping.plan, kind)
    return { key, kind, whole }
  }
}

interface Step extends Pick<Invocation, 'name' | 'args'> {
  readonly command: Command
  readonly subjects: readonly Subject[]
}

interface Work {
  readonly steps: readonly Step[]
  readonly claimed: ReadonlyMap<string, Claimed>
  readonly plan: string
}

interface Decided {
  readonly outcomes: readonly Outcome[]
  readonly writes: readonly PlaceWrite[] | undefined
  readonly missing: Modification['records']
}

/** A command makes elements of which nobody knew when the records were locked. */
class Missing extends Error {
  readonly records: Modification['records']
  constructor(records: Modification['records']) {
    super('more records than were locked')
    this.records = records
  }
}

/** The places that commands are about, each once. */
class Places {
  readonly #places = new Map<string, Modification['records'][number]>()
  readonly #whole = new Set<string>()

  get list(): Modification['records'] {
    return [...this.#places.values()]
  }

  add(kind: AnyKind, place: Place): void {
    const name = `${hex(place.key)} ${place.part}`
    if (!this.#places.has(name)) this.#places.set(name, { kind, place })
  }

  isWhole = (key: Buffer): boolean => this.#whole.has(hex(key))
  markWhole(key: Buffer): void {
    this.#whole.add(hex(key))
  }
}

/** Elements that keys have after the commands, and whose records are not among these. */
function missingOf(
  claimed: ReadonlyMap<string, Claimed>,
  records: Modification['records'],
  held: ReadonlyMap<string, Held>,
): Modification['records'] {
  const known = new Set(records.map(({ place }) => `${hex(place.key)} ${place.part}`))
  return [...claimed].flatMap(([name, { key, kind }]) => {
    if (kind.element === 'key') return []
    return elementsOf(held.get(name)).flatMap((it) => {
      const place = { key, part: partOf(kind, it) }
      return known.has(`${name} ${place.part}`) ? [] : [{ kind, place }]
    })
  })
}

/** As ioredis gives a hash. */
function asObject(reply: unknown): unknown {
  if (!Array.isArray(reply)) return reply
  const words = reply.map(String)
  return Object.fromEntries(words.flatMap((it, at) => (at % 2 === 0 ? [[it, words[at + 1]]] : [])))
}

const hex = (key: Buffer): string => key.toString('hex')
const keysIn = (steps: readonly Step[]): ReadonlySet<string> =>
  new Set(steps.flatMap((it) => it.subjects.map(({ key }) => hex(key))))
const uniqueKeys = (keys: readonly Buffer[]): readonly Buffer[] => [
  ...new Map(keys.map((it) => [hex(it), it])).values(),
]

const partOf = ({ element }: AnyKind, name: Buffer): string => `${element}:${name.toString()}`

const changeOf = (held: Held): Change =>
  held ? { do: 'put', value: held.value, expiresAt: held.expiresAt } : { do: 'delete' }

const entryOf = ({ key }: Place, value: EntryValue, expiresAt: number | null): Entry => ({
  key,
  type: value.type,
  value,
  expiresAt,
  offset: 0,
  more: false,
})

/** Read commands that the source answers itself, in A and B. */
const NATIVE_READS: ReadonlySet<string> = new Set(
  `hscan hrandfield sscan srandmember zrangebylex zscan lpos xrange xrevrange xlen dump memory object`.split(
    /\s+/,
  ),
)

const unsupported = (name: string): KvmigError =>
  refuse(
    name,
    'a key that a plan claims',
    'Write it as one of the commands that dual-write knows (docs/runtime.md), or use store().',
  )

export const refuse = (command: string, what: string, hint: string): KvmigError =>
  new KvmigError(
    'COMMAND_UNSUPPORTED',
    `${command.toUpperCase()} on ${what} cannot be written to both sides.`,
    {
      hint,
    },
  )

const dualWrite = (plan: string, { mapping, because }: Refusal): KvmigError =>
  new KvmigError(
    'DUAL_WRITE',
    `The records of ${plan} ${mapping} cannot be written to both sides: ${because}.`,
  )

const rejected = (
  name: string,
  { column, message, code }: { readonly column?: string; readonly message: string; readonly code: string },
): KvmigError =>
  new KvmigError(
    'REJECTED',
    `${name}${column === undefined ? '' : `, column ${column}`}: ${message} (${code})`,
  )

const notClaimed = (plan: string): KvmigError =>
  new KvmigError('NOT_CLAIMED', `No rule of ${plan} would take this value by its key and content.`, {
    hint: 'Look at the where of the rules for this key.',
  })
