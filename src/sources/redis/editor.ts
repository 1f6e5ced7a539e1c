import { digests } from '../digest.ts'
import type { Expected, Put, Removed, StoreEditor } from '../editor.ts'
import type { Entry, EntryValue, Page } from '../source.ts'
import type { Connection } from './connection.ts'
import { explain } from './explain.ts'
import { versionsKey } from './live-script.ts'
import { type Reply, ReplyError, Request } from './resp.ts'

/** What an editor needs of the source it belongs to. */
export interface EditedRedis {
  readonly label: string
  /** A connection of its own, to the same server as before: WATCH belongs to a connection. */
  connect(): Promise<Connection>
  read(keys: readonly Buffer[]): AsyncIterable<Page>
  /** Waits where the fault may pass, and throws where it will not. */
  wait(error: unknown, failures: number): Promise<void>
}

/** Keys that are watched, read and deleted together. */
const TOGETHER = 100
/** A server loads its keys a little after it was started. */
const UPTIME_SLACK = 2
/** Where a key grows before it gets its name, so that it is there whole or not at all. */
const GROWING = Buffer.from('kvmig:restoring')

/**
 * Deletes by WATCH, read, compare, MULTI: if anybody touches one of the keys after the WATCH, the transaction does nothing, and each of
 * them is looked at alone. Writes by building under another name and RENAMENX.
 */
export class RedisEditor implements StoreEditor {
  readonly #redis: EditedRedis
  #connection: Connection | undefined

  constructor(redis: EditedRedis) {
    this.#redis = redis
  }

  async remove(keys: readonly Expected[]): Promise<readonly Removed[]> {
    const answers: Removed[] = []
    for (let at = 0; at < keys.length; at += TOGETHER) {
      const some = keys.slice(at, at + TOGETHER)
      const together = await this.#patiently(() => this.#removeTogether(some))
      if (together) answers.push(...together)
      else for (const it of some) answers.push(await this.#removeAlone(it))
    }
    return answers
  }

  put(
    parts: AsyncIterable<Entry> | Iterable<Entry>,
    { replace }: { readonly replace: boolean },
  ): Promise<Put> {
    return this.#put(parts, replace)
  }

  async idleMillis(keys: readonly Buffer[]): Promise<readonly (number | undefined)[] | undefined> {
    return this.#patiently(async () => {
      const connection = await this.#connected()
      const request = new Request().add('INFO', 'server')
      for (const key of keys) request.add('OBJECT', 'IDLETIME', key)
      const [info, ...replies] = await connection.ask(request)
      // "… while an LFU maxmemory policy is selected", and stores that do not know the command.
      if (replies.some((it) => it instanceof ReplyError && !/no such key/i.test(it.text))) return undefined
      const uptime = /uptime_in_seconds:(\d+)/.exec(Buffer.isBuffer(info) ? info.toString() : String(info))
      // Keys that were loaded at a start count from there, whatever was done to them before.
      const since = uptime ? Number(uptime[1]) - UPTIME_SLACK : Number.POSITIVE_INFINITY
      return replies.map((it) => (typeof it === 'number' && it < since ? it * 1000 : undefined))
    })
  }

  async close(): Promise<void> {
    this.#connection?.close()
  }

  async #removeAlone(key: Expected): Promise<Removed> {
    for (;;) {
      const [answer] = (await this.#patiently(() => this.#removeTogether([key]))) ?? []
      // Somebody wrote to it at that very moment: what it holds now decides.
      if (answer) return answer
    }
  }

  /** Undefined: somebody touched one of them meanwhile, and nothing was deleted. */
  async #removeTogether(keys: readonly Expected[]): Promise<readonly Removed[] | undefined> {
    const names = keys.map((it) => it.key)
    const connection = await this.#connected()
    this.#check(await connection.ask(new Request().addMany('WATCH', names)))
    // Read by another connection: the EXEC that makes reading exact would end the WATCH.
    const found = await digests(this.#redis.read(names))
    const answers = keys.map(({ key, digest }): Removed => {
      const name = key.toString('latin1')
      if (!found.has(name)) return 'gone'
      return found.get(name)?.equals(digest) ? 'removed' : 'changed'
    })
    const removed = keys.filter((_, index) => answers[index] === 'removed')
    if (removed.length === 0) {
      this.#check(await connection.ask(new Request().add('UNWATCH')))
      return answers
    }
    const request = new Request().add('MULTI')
    request.addMany(
      'UNLINK',
      removed.flatMap((it) => [it.key, versionsKey(it.key)]),
    )
    const replies = await connection.ask(request.add('EXEC'))
    const result = replies.at(-1)
    if (result === null) return undefined
    this.#check(replies)
    return answers
  }

  async #put(parts: AsyncIterable<Entry> | Iterable<Entry>, replace: boolean): Promise<Put> {
    let connection: Connection | undefined
    let key: Entry | undefined
    for await (const part of parts) {
      connection ??= await this.#connected()
      const request = new Request()
      if (!key) request.add('DEL', GROWING)
      key ??= part
      if (part.value) addValue(request, part.value)
      if (!part.more && part.expiresAt !== null) request.add('PEXPIREAT', GROWING, String(part.expiresAt))
      this.#check(await connection.ask(request))
    }
    if (!connection || !key) throw new Error('a key without parts')
    const [named] = await connection.ask(new Request().add(replace ? 'RENAME' : 'RENAMENX', GROWING, key.key))
    // Its time was over: PEXPIREAT had deleted it.
    if (named instanceof ReplyError && /no such key/.test(named.text)) return 'expired'
    this.#check([named!])
    if (named !== 0) return 'written'
    this.#check(await connection.ask(new Request().add('DEL', GROWING)))
    return 'there'
  }

  async #connected(): Promise<Connection> {
    if (!this.#connection || this.#connection.isBroken) this.#connection = await this.#redis.connect()
    return this.#connection
  }

  // Deleting what is as expected may be done twice; the second time it is gone.
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        return await work()
      } catch (error) {
        await this.#redis.wait(error, failures)
      }
    }
  }

  #check(replies: readonly Reply[]): void {
    for (const it of replies) {
      const refused =
        it instanceof ReplyError
          ? it
          : Array.isArray(it)
            ? it.find((one) => one instanceof ReplyError)
            : undefined
      if (refused) throw explain(this.#redis.label, refused)
    }
  }
}

function addValue(request: Request, value: EntryValue): void {
  switch (value.type) {
    case 'string':
      request.add('SET', GROWING, value.bytes)
      return
    case 'hash':
      request.addMany('HSET', [GROWING, ...value.pairs])
      return
    case 'list':
      request.addMany('RPUSH', [GROWING, ...value.items])
      return
    case 'set':
      request.addMany('SADD', [GROWING, ...value.members])
      return
    case 'zset':
      request.addMany('ZADD', [
        GROWING,
        ...value.members.flatMap((it, index) => [score(value.scores[index]!), it]),
      ])
      return
    case 'stream':
      for (const { id, pairs } of value.messages) request.addMany('XADD', [GROWING, id, ...pairs])
      // A stream may be there without a message.
      if (value.messages.length > 0) return
      request.add('XGROUP', 'CREATE', GROWING, 'kvmig', '$', 'MKSTREAM')
      request.add('XGROUP', 'DESTROY', GROWING, 'kvmig')
  }
}

const score = (value: number): string => {
  if (value === Infinity) return '+inf'
  if (value === -Infinity) return '-inf'
  return Object.is(value, -0) ? '-0' : String(value)
}
