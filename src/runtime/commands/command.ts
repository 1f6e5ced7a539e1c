import type { EntryType } from '../../plan/plan.ts'
import type { Held } from './content.ts'

/** A key that a command is about: all of it, or some of its elements. */
export interface Subject {
  readonly key: Buffer
  /** The fields or members that it names, each once; absent: what it does depends on all of the key. */
  readonly names?: readonly Buffer[]
  /** The type that the key has to have; undefined: any. */
  readonly type: EntryType | undefined
}

/** What a command makes of its subjects, in their order. What is the very object that was given has not changed. */
export interface Effect {
  readonly after: readonly Held[]
  /** As ioredis gives it, with bytes for text. */
  readonly reply: unknown
}

/** A command of the store, carried out on what its keys hold instead of in the store: a pure function. */
export interface Command {
  subjects(args: readonly Buffer[]): readonly Subject[]
  /** Changes nothing. */
  readonly reads?: true
  /** Does what it writes depend on what is there, and not only what it answers? */
  needsBase(args: readonly Buffer[]): boolean
  /** Is neither what it writes nor what it answers a matter of what is there? Then nobody looks. Default: no. */
  isBlind?(args: readonly Buffer[]): boolean
  /** Does it count from now? Default: no. */
  isTimed?(args: readonly Buffer[]): boolean
  /**
   * `held`: what the subjects hold, in their order; of a subject with names at least those. `now`: milliseconds since 1970 by the store's
   * clock, NaN for a command that is not timed. Throws CommandError for what Redis would refuse.
   */
  run(held: readonly Held[], args: readonly Buffer[], now: number): Effect
}

export type Commands = Readonly<Record<string, Command>>

/** A command on one whole key. */
export const onKey = (
  type: EntryType | undefined,
  run: (
    held: Held,
    args: readonly Buffer[],
    now: number,
  ) => { readonly after: Held; readonly reply: unknown },
  rest: Partial<Omit<Command, 'subjects' | 'run'>> = {},
): Command => ({
  subjects: ([key]) => [{ key: key!, type }],
  needsBase: () => true,
  ...rest,
  run: ([held], args, now) => {
    const { after, reply } = run(held, args.slice(1), now)
    return { after: [after], reply }
  },
})

/** A command on some elements of one key. */
export const onElements = (
  type: EntryType,
  names: (args: readonly Buffer[]) => readonly Buffer[],
  run: (
    held: Held,
    args: readonly Buffer[],
    now: number,
  ) => { readonly after: Held; readonly reply: unknown },
  rest: Partial<Omit<Command, 'subjects' | 'run'>> = {},
): Command => ({
  ...onKey(type, run, rest),
  subjects: ([key, ...args]) => [{ key: key!, names: unique(names(args)), type }],
})

const unique = (names: readonly Buffer[]): readonly Buffer[] => [
  ...new Map(names.map((it) => [it.toString('latin1'), it])).values(),
]

/** Commands that only read one key, or some of its elements. */
export const reading = (
  type: EntryType | undefined,
  reply: (held: Held, args: readonly Buffer[], now: number) => unknown,
  { names, timed }: { names?: (args: readonly Buffer[]) => readonly Buffer[]; timed?: true } = {},
): Command => {
  const run = (held: Held, args: readonly Buffer[], now: number) => ({
    after: held,
    reply: reply(held, args, now),
  })
  const rest = { reads: true, needsBase: () => false, ...(timed && { isTimed: () => true }) } as const
  return names && type ? onElements(type, names, run, rest) : onKey(type, run, rest)
}
