import { SourceError } from '../../errors.ts'
import type { Change } from '../change.ts'
import type {
  LiveAnswer,
  LiveApplied,
  LiveCommand,
  LivePlace,
  LiveRecord,
  LiveStore,
  LiveWrite,
} from '../live-store.ts'
import type { Entry, EntryValue } from '../source.ts'
import { EPOCHS, RAISE, READ, versionsKey, WRITE } from './live-script.ts'
import { readValue } from './value.ts'

/** A script to be run at one instant, and how many commands it runs at most. */
export interface Script {
  readonly text: string
  readonly keys: readonly (string | Buffer)[]
  readonly args: readonly (string | Buffer)[]
  readonly commands: number
}

/** A store that runs Redis's scripts, whatever the way to it: it compares and sets by them. */
export abstract class ScriptedStore implements LiveStore {
  readonly label: string

  constructor(label: string) {
    this.label = label
  }

  /** Runs a script once. Bytes come as Buffers. Throws SourceError. */
  protected abstract run(script: Script): Promise<unknown>
  /** Runs one command once, likewise. */
  protected abstract ask(words: readonly (string | Buffer)[]): Promise<unknown>
  abstract close(): Promise<void>

  async apply(write: LiveWrite): Promise<LiveApplied> {
    return answerOf(await this.run(scriptOf(write)))
  }

  read(records: readonly LivePlace[]): Promise<readonly LiveRecord[]> {
    return Promise.all(
      records.map(async ({ key, part }) => {
        const { kind, name } = elementOf(part)
        const reply = await this.run({
          text: READ,
          keys: [key, versionsKey(key)],
          args: [part, kind, name],
          commands: 4,
        })
        const [type, expiry, version, value] = reply as [Buffer, Buffer, Buffer, unknown]
        return {
          version: Number(version),
          entry: entryOf(key, String(type), Number(String(expiry)), value),
          ...(Number(String(expiry)) >= 0 && { keyExpiresAt: Number(String(expiry)) }),
        }
      }),
    )
  }

  async command(command: LiveCommand): Promise<LiveAnswer> {
    return repliesOf(await this.run(commandScript(command)))
  }

  async clock(): Promise<number> {
    const [seconds, micros] = (await this.ask(['TIME'])) as [unknown, unknown]
    return Number(String(seconds)) * 1000 + Math.floor(Number(String(micros)) / 1000)
  }

  async raiseEpoch(plan: string, epoch: number): Promise<void> {
    await this.run({ text: RAISE, keys: [EPOCHS], args: [plan, String(epoch)], commands: 2 })
  }

  async epoch(plan: string): Promise<number | undefined> {
    const seen = await this.ask(['HGET', EPOCHS, plan])
    return seen === null ? undefined : Number(String(seen))
  }

  async forget(plan: string, keys: readonly Buffer[]): Promise<void> {
    await this.ask(['HDEL', EPOCHS, plan])
    for (let at = 0; at < keys.length; at += 500)
      await this.ask(['DEL', ...keys.slice(at, at + 500).map(versionsKey)])
  }
}

/** The script that runs commands. */
export const commandScript = ({ fences, keys, commands }: LiveCommand): Script =>
  scriptOf({ fences, changes: [], along: { keys, commands } })

function scriptOf({
  changes,
  along,
  ...route
}: Pick<LiveWrite, 'changes' | 'along'> &
  (Pick<LiveCommand, 'fences'> | Pick<LiveWrite, 'plan' | 'epoch' | 'others'>)): Script {
  const fences =
    'fences' in route ? route.fences : [{ plan: route.plan, epoch: route.epoch }, ...(route.others ?? [])]
  const keys: (string | Buffer)[] = [EPOCHS]
  const args: (string | Buffer)[] = [
    String(fences.length),
    ...fences.flatMap(({ plan, epoch }) => [plan, String(epoch)]),
    String(changes.length),
  ]
  for (const { key, part, change, version } of changes) {
    keys.push(key, versionsKey(key))
    const { verb, expiry, values } = verbOf(part, change)
    args.push(
      part,
      version === undefined ? '' : String(version),
      verb,
      expiry,
      String(values.length),
      ...values,
    )
  }
  const { keys: others = [], commands = [] } = along ?? {}
  keys.push(...others)
  for (const words of commands) args.push(String(words.length), ...words)
  // Of a change: its version asked, the key emptied, filled, its expiry set, its version kept.
  return { text: WRITE, keys, args, commands: 2 * fences.length + 5 * changes.length + commands.length }
}

function answerOf(reply: unknown): LiveApplied {
  const [word, ...rest] = reply as [Buffer, ...unknown[]]
  if (String(word) === 'fenced')
    return { fenced: true, plan: String(rest[0]), epoch: Number(String(rest[1])) }
  const [results, answers] = rest as [Buffer[], [number, unknown][]]
  return {
    fenced: false,
    results: results.map(String) as ('applied' | 'older')[],
    ...(answers.length > 0 && {
      replies: answers.map(([isError, answer]) =>
        isError ? { reply: null, error: String(answer) } : { reply: answer ?? null },
      ),
    }),
  }
}

/** What the script of `commandScript` says. */
export function repliesOf(reply: unknown): LiveAnswer {
  const answer = answerOf(reply)
  return answer.fenced ? answer : { fenced: false, replies: answer.replies ?? [] }
}

interface Verb {
  readonly verb: string
  /** '' leaves it as it is, '-' takes it off. */
  readonly expiry: string
  readonly values: readonly (string | Buffer)[]
}

function verbOf(part: string, change: Change): Verb {
  const { kind, name } = elementOf(part)
  if (change.do === 'delete') {
    if (kind === '') return { verb: 'DEL', expiry: '', values: [] }
    return { verb: kind === 'field' ? '-HDEL' : '-MEMBER', expiry: '', values: [name] }
  }
  const { value, expiresAt } = change
  const expiry = change.persist ? PERSIST : expiresAt === null ? '' : String(expiresAt)
  const sign = kind === '' ? '' : '+'
  switch (value.type) {
    case 'string':
      return { verb: 'SET', expiry, values: [value.bytes] }
    case 'hash':
      return { verb: value.pairs.length === 0 ? 'DEL' : `${sign}HSET`, expiry, values: value.pairs }
    case 'list':
      return { verb: value.items.length === 0 ? 'DEL' : 'RPUSH', expiry, values: value.items }
    case 'set':
      return { verb: value.members.length === 0 ? 'DEL' : `${sign}SADD`, expiry, values: value.members }
    case 'zset': {
      const scored = value.members.flatMap((member, index) => [scoreText(value.scores[index]!), member])
      return { verb: scored.length === 0 ? 'DEL' : `${sign}ZADD`, expiry, values: scored }
    }
    case 'stream':
      throw new SourceError(
        'LIVE_STREAM',
        'A stream cannot be written twice: Redis gives its messages their ids.',
      )
  }
}

const PERSIST = '-'

const scoreText = (score: number): string =>
  score === Number.POSITIVE_INFINITY ? '+inf' : score === Number.NEGATIVE_INFINITY ? '-inf' : String(score)

/** `field:name` and `member:x`; '' is the whole key. */
function elementOf(part: string): { readonly kind: '' | 'field' | 'member'; readonly name: string } {
  if (part === '') return { kind: '', name: '' }
  const colon = part.indexOf(':')
  const kind = part.slice(0, colon)
  if (kind !== 'field' && kind !== 'member')
    throw new SourceError(
      'LIVE_PART',
      `A record that is the ${kind} of an entry cannot be written by itself.`,
    )
  return { kind, name: part.slice(colon + 1) }
}

function entryOf(key: Buffer, type: string, expiry: number, value: unknown): Entry | undefined {
  if (type === 'none') return undefined
  const known = TYPES.has(type)
  return {
    key,
    // The set has exactly the types of an entry.
    type: known ? (type as EntryValue['type']) : `unknown:${type}`,
    ...(known && { value: readValue(type as EntryValue['type'], value as Buffer) }),
    expiresAt: expiry < 0 ? null : expiry,
    offset: 0,
    more: false,
  }
}

const TYPES: ReadonlySet<string> = new Set(['string', 'hash', 'list', 'set', 'zset', 'stream'])
