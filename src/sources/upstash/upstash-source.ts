import { createHash } from 'node:crypto'
import { SourceError } from '../../errors.ts'
import { startsWith } from '../prefix.ts'
import type { Answer, Question } from '../question.ts'
import { startingWith } from '../redis/glob.ts'
import { Pace } from '../redis/pace.ts'
import { PageSize } from '../redis/page-size.ts'
import { ReplyError } from '../redis/resp.ts'
import { timeOf } from '../redis/server-facts.ts'
import { runAhead } from '../run-ahead.ts'
import type { Cursor, Entry, Page, Selection, Source, SourceContext } from '../source.ts'
import type { UpstashAddress } from './address.ts'
import { askAll } from './ask.ts'
import type { Command } from './command.ts'
import { explain } from './explain.ts'
import { readEntries, readUntyped, typesOf } from './reader.ts'
import { LIMITS, type Limits, RestClient } from './rest.ts'
import { cursorText } from './step.ts'
import type { Store } from './store.ts'

const START: Cursor = '0'
const END: Cursor = 'end'

/** Keys a SCAN: more are the same price. */
const COUNT = 1000

/** An Upstash database that is open for reading. */
export class UpstashSource implements Source {
  readonly label: string
  readonly #address: UpstashAddress
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #store: Store

  /** Asks for an answer that costs nothing, so that a wrong address or token shows here. */
  static async open(
    address: UpstashAddress,
    context: Pick<SourceContext, 'signal' | 'perSecond' | 'allowance'>,
    limits: Limits = LIMITS,
  ): Promise<UpstashSource> {
    const source = new UpstashSource(address, context, limits)
    await source.#greet()
    return source
  }

  private constructor(
    address: UpstashAddress,
    { signal, perSecond, allowance }: Pick<SourceContext, 'signal' | 'perSecond' | 'allowance'>,
    limits: Limits,
  ) {
    this.#address = address
    this.label = address.label
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
    this.#store = {
      label: address.label,
      client: new RestClient({
        address,
        signal: this.#signal,
        pace: perSecond === undefined ? undefined : new Pace(perSecond),
        allowance,
        limits,
      }),
      // A key has two commands at most in one request: its value, and its expiry.
      size: new PageSize(Math.min(limits.requestCommands, perSecond ?? Number.POSITIVE_INFINITY) / 2),
      habits: { expiry: 'absolute', types: 'scan' },
    }
  }

  /** The host: a database of Upstash keeps its own for life, and a cursor holds in all of its replicas. */
  async identity(): Promise<string> {
    return `upstash:${createHash('sha256').update(this.#address.url).digest('hex').slice(0, 32)}`
  }

  /** Entries in SCAN's order. */
  async *scan(selection: Selection, from: Cursor = START): AsyncGenerator<Page> {
    if (!/^(\d{1,20}|end)$/.test(from))
      throw new SourceError(
        'SOURCE_CURSOR',
        `What was kept as the place in ${this.label} is no cursor of an Upstash.`,
      )
    yield* runAhead(this.#pages(selection, from))
  }

  async *read(keys: readonly Buffer[]): AsyncGenerator<Page> {
    for (let at = 0; at < keys.length; at += COUNT) {
      for await (const page of readUntyped(this.#store, keys.slice(at, at + COUNT)))
        if (page.entries.length > 0) yield page
    }
  }

  ask(questions: readonly Question[]): Promise<readonly Answer[]> {
    return askAll(this.#store, questions)
  }

  async count(): Promise<number> {
    const reply = await this.#store.client.run(['DBSIZE'])
    if (typeof reply !== 'number') throw explain(this.label, reply)
    return reply
  }

  async clocks(): Promise<readonly number[]> {
    return [timeOf(this.label, await this.#store.client.run(['TIME']))]
  }

  commands(): number {
    return this.#store.client.sent
  }

  /** At once; what is under way rejects with SourceError SOURCE_CLOSED. */
  async close(): Promise<void> {
    this.#stop.abort(new SourceError('SOURCE_CLOSED', `${this.label} was closed while it was being read.`))
  }

  async #greet(): Promise<void> {
    // Decoded as base64 although it is none, this would be something else: then values would be too, without a word.
    const greeting = 'kvmig-é'
    const reply = await this.#store.client.run(['PING', greeting])
    if (!Buffer.isBuffer(reply) || reply.toString() !== greeting)
      throw new SourceError(
        'SOURCE_PROTOCOL',
        `${this.label} does not send answers in base64, as Upstash does when asked to.`,
        {
          hint: 'Is something in between that changes requests or answers?',
        },
      )
  }

  async *#pages(selection: Selection, from: Cursor): AsyncGenerator<Page> {
    for (let cursor = from; cursor !== END; ) {
      const { keys, next } = await this.#list(selection.prefix, cursor)
      // The last page of those keys has the cursor, so each is held back until the next one came.
      let held: Page | undefined
      for await (const page of this.#readListed(selection, keys)) {
        if (held) yield held
        held = page
      }
      yield { entries: held?.entries ?? [], expired: held?.expired ?? 0, cursor: next }
      cursor = next
    }
  }

  async *#readListed({ want }: Selection, keys: readonly Listed[]): AsyncGenerator<Page> {
    const wanted = keys.map((it) => ({ ...it, wish: want(it.key) })).filter(({ wish }) => wish !== 'nothing')
    const types = await this.#types(wanted)
    const whole: { key: Buffer; type: string }[] = []
    const bare: Entry[] = []
    let expired = 0
    for (const [index, { key, wish }] of wanted.entries()) {
      const type = types[index]!
      if (type === 'none') expired += 1
      else if (wish === 'entry') whole.push({ key, type })
      else bare.push({ key, type: typeName(type), expiresAt: null, offset: 0, more: false })
    }
    if (bare.length + expired > 0) yield { entries: bare, expired }
    yield* readEntries(this.#store, whole)
  }

  async #types(keys: readonly Listed[]): Promise<string[]> {
    if (keys.every(({ type }) => type !== undefined)) return keys.map(({ type }) => type!)
    return typesOf(
      this.#store,
      keys.map(({ key }) => key),
    )
  }

  async #list(prefix: Buffer, cursor: Cursor): Promise<{ keys: readonly Listed[]; next: Cursor }> {
    const { client, habits } = this.#store
    const matching = prefix.length === 0 ? [] : ['MATCH', startingWith(prefix)]
    const typed = habits.types === 'scan' ? ['WITHTYPE'] : []
    const command: Command = ['SCAN', cursor, ...matching, 'COUNT', String(COUNT), ...typed]
    const [reply] = await client.pipeline([command])
    if (reply instanceof ReplyError && /^ERR syntax error/.test(reply.text) && typed.length > 0) {
      habits.types = 'type'
      return this.#list(prefix, cursor)
    }
    const [next, items] = Array.isArray(reply) ? reply : []
    if (!Array.isArray(items)) throw explain(this.label, reply)
    const following = cursorText(next)
    return {
      keys: listed(items as Buffer[], typed.length > 0).filter(({ key }) => startsWith(key, prefix)),
      next: following === START ? END : following,
    }
  }
}

interface Listed {
  readonly key: Buffer
  readonly type: string | undefined
}

// Keys, or key, type, key, type …
function listed(items: readonly Buffer[], isTyped: boolean): Listed[] {
  if (!isTyped) return items.map((key) => ({ key, type: undefined }))
  return items.flatMap((key, index) =>
    index % 2 === 0 ? [{ key, type: items[index + 1]?.toString('latin1') ?? 'none' }] : [],
  )
}

const KNOWN: ReadonlySet<string> = new Set(['string', 'hash', 'list', 'set', 'zset', 'stream'])

const typeName = (type: string): Entry['type'] =>
  KNOWN.has(type) ? (type as Entry['type']) : `unknown:${type}`
