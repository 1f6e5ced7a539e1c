import type { Change } from '../sources/change.ts'
import type { Entry, EntryValue } from '../sources/source.ts'
import type { Place } from '../state/touches.ts'
import { hex, missingOf, partOf } from './command-places.ts'
import { notClaimed, rejected } from './command-refusal.ts'
import type { Command, Subject } from './commands/command.ts'
import { CommandError, type Held } from './commands/content.ts'
import { contentOf, elementChange } from './elements.ts'
import type { AnyKind, Claimed } from './key-claims.ts'
import { nameOf } from './record-kind.ts'
import type { Base, Modification, PlaceWrite } from './record-write.ts'

/** What became of one command of several. */
export type Outcome = { readonly reply: unknown } | { readonly error: Error }

/** A command that is carried out on what its keys hold. */
export interface WorkStep {
  readonly args: readonly Buffer[]
  readonly command: Command
  readonly subjects: readonly Subject[]
}

/** Commands of one instant, and who has their keys. */
export interface CommandWork {
  readonly steps: readonly WorkStep[]
  /** By key, in hexadecimal digits. */
  readonly claimed: ReadonlyMap<string, Claimed>
  /** Is told what no column takes of what a command writes. Throws where that may not be. */
  readonly dropped: (kind: AnyKind, fields: readonly string[]) => void
}

export interface Decided {
  readonly outcomes: readonly Outcome[]
  readonly writes: readonly PlaceWrite[] | undefined
  /** Elements that come into being, and of which nobody knew when the records were locked. */
  readonly missing: Modification['records']
}

/** What the commands make of their records, one after the other. `now`: by the clock of the source, NaN where nothing asks for it. */
export function decideCommands(
  { steps, claimed, dropped }: CommandWork,
  records: Modification['records'],
  bases: readonly Base[],
  now: number,
): Decided {
  const before = new Map<string, Held>()
  for (const key of claimed.keys()) {
    const own = records.flatMap(({ place }, index) => (hex(place.key) === key ? [bases[index]?.entry] : []))
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
      if (!command.reads) for (const [index, { key }] of subjects.entries()) held.set(hex(key), after[index])
      return { reply }
    } catch (error) {
      if (error instanceof CommandError) return { error }
      throw error
    }
  })
  const changed = new Set([...held].flatMap(([key, it]) => (before.get(key) === it ? [] : [key])))
  if (changed.size === 0) return { outcomes, writes: undefined, missing: [] }
  const missing = missingOf(claimed, records, held)
  if (missing.length > 0) return { outcomes, writes: undefined, missing }
  const writes = records.map(({ kind, place }, index) => {
    const { entry: base, keyExpiresAt } = bases[index]!
    const key = hex(place.key)
    const now = held.get(key)
    if (kind.element === 'key')
      return writeOf(kind, place, { change: changeOf(now), base, expiresAt: now?.expiresAt ?? null, dropped })
    const change = elementChange(place, now, before.get(key))
    // A new element of a key that expires goes with it.
    const isKept = before.get(key) === undefined && now?.expiresAt == null
    const expiresAt = isKept ? keyExpiresAt : (now?.expiresAt ?? null)
    return writeOf(kind, place, { change, base, expiresAt, dropped })
  })
  return { outcomes, writes, missing: [] }
}

/** A single command that looks at nothing, on records that are one row each: nobody looks. */
export function blindWrite(
  { steps, claimed, dropped }: CommandWork,
  now: number,
): { readonly writes: readonly PlaceWrite[]; readonly reply: unknown } | undefined {
  const [step, ...others] = steps
  if (!step || others.length > 0 || !step.command.isBlind?.(step.args)) return undefined
  const kinds = step.subjects.map((it) => claimed.get(hex(it.key))!.kind)
  if (kinds.some((it) => 'mappings' in it || it.element !== 'key')) return undefined
  const { after, reply } = step.command.run([], step.args, now)
  const writes = after.map((held, index) => {
    const place = { key: step.subjects[index]!.key, part: '' }
    return writeOf(kinds[index]!, place, {
      change: changeOf(held),
      base: undefined,
      expiresAt: held?.expiresAt ?? null,
      dropped,
    })
  })
  return { writes, reply }
}

/** Plans of which what is written depends on what is there. */
export function plansInNeed({ steps, claimed }: CommandWork): readonly string[] {
  // Elements of a record that is one whole: the rest of it stays what it is.
  const isPart = ({ key, names }: Subject): boolean =>
    names !== undefined && claimed.get(hex(key))!.kind.element === 'key'
  return steps.flatMap(({ command, args, subjects }) =>
    !command.reads && (command.needsBase(args) || subjects.some(isPart))
      ? subjects.map(({ key }) => claimed.get(hex(key))!.kind.plan)
      : [],
  )
}

/** The parts of a key that a command names, as places. */
export const namedPlaces = (kind: AnyKind, key: Buffer, names: readonly Buffer[]): readonly Place[] =>
  names.map((it) => ({ key, part: partOf(kind, it) }))

function writeOf(
  kind: AnyKind,
  place: Place,
  {
    change,
    base,
    expiresAt,
    dropped,
  }: {
    readonly change: Change
    readonly base: Entry | undefined
    readonly expiresAt: number | null
    readonly dropped: CommandWork['dropped']
  },
): PlaceWrite {
  const { takesExpiry } = 'mappings' in kind ? kind.mappings[0]! : kind.compiled
  const expiry = expiresAt !== null && base?.expiresAt == null && !takesExpiry ? ['$expires_at'] : []
  if ('mappings' in kind) {
    if (change.do === 'delete') return { kind, place, rows: [], base, change }
    const made = kind.forward(entryOf(place, change.value, expiresAt))
    const known = base && kind.forward(base)
    // What was refused before stays refused; what is refused now is the caller's to mend.
    const [reject] = made.rejects.length > (known?.rejects.length ?? 0) ? made.rejects.slice(-1) : []
    if (reject) throw rejected(`${kind.plan} ${reject.mapping}`, reject)
    if (made.unclaimed) throw notClaimed(kind.plan)
    dropped(kind, [...without(made.unmapped, known?.unmapped), ...expiry])
    return { kind, place, rows: made.rows, base, change }
  }
  if (change.do === 'delete') return { kind, place, row: undefined, change }
  const made = kind.forward(place, entryOf(place, change.value, expiresAt))
  if (made.fate === 'rejected') throw rejected(nameOf(kind), made.reject)
  if (made.fate === 'row' && made.unmapped.length + expiry.length > 0) {
    const known = base && kind.forward(place, base)
    dropped(kind, [...without(made.unmapped, known?.fate === 'row' ? known.unmapped : undefined), ...expiry])
  }
  return { kind, place, row: made.fate === 'row' ? made.row : undefined, change }
}

/** What is new. */
const without = (names: readonly string[], known: readonly string[] = []): readonly string[] =>
  [...new Set(names)].filter((it) => !known.includes(it))

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
