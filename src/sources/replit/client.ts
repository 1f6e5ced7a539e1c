import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { SourceError } from '../../errors.ts'
import { explainFault, faultMayPass } from '../http-fault.ts'
import { MONOTONIC, type Pace } from '../redis/pace.ts'
import type { Allowance } from '../source.ts'
import type { ReplitAddress } from './address.ts'
import { type Answer, exchange, type Sent } from './http.ts'
import { decodeKey, encodeKey } from './percent.ts'

export interface Limits {
  /** Requests under way at one time: there is no other way to read several keys. */
  readonly together: number
  readonly answerMillis: number
  /** How often the same is asked again after a fault that may pass, with longer and longer waits in between. */
  readonly attempts: number
  readonly firstWaitMillis: number
  readonly longestWaitMillis: number
}

export const LIMITS: Limits = {
  together: 8,
  answerMillis: 60_000,
  attempts: 8,
  firstWaitMillis: 100,
  longestWaitMillis: 15_000,
}

export interface Line {
  readonly signal: AbortSignal
  readonly pace: Pace | undefined
  readonly allowance: Allowance | undefined
  readonly limits: Limits
  /** Looks up where the database is now. */
  find(): Promise<ReplitAddress>
}

/** Replit's protocol. Its address is renewed from time to time: a refusal is a reason to look it up again. */
export class ReplitClient {
  readonly #line: Line
  readonly #agent: Agent
  #address: ReplitAddress
  #sent = 0

  constructor(address: ReplitAddress, line: Line) {
    this.#address = address
    this.#line = line
    const options = { keepAlive: true, maxSockets: line.limits.together }
    this.#agent = address.url.protocol === 'https:' ? new SecureAgent(options) : new Agent(options)
  }

  get address(): ReplitAddress {
    return this.#address
  }

  get sent(): number {
    return this.#sent
  }

  /** All keys that begin with these bytes, as the store gives them. */
  async list(prefix: Buffer): Promise<Buffer[]> {
    const { status, body } = await this.#ask(`?prefix=${encodeKey(prefix)}&encode=true`)
    if (status !== 200) throw this.#unexpected(`status ${status} for a list of keys`)
    return body
      .toString('latin1')
      .split('\n')
      .filter((it) => it !== '')
      .map((it) => {
        const key = decodeKey(it)
        if (key === undefined || key.length === 0)
          throw this.#unexpected('a list of keys that are not encoded')
        return key
      })
  }

  /** The value as it is; undefined where there is no such key. */
  async value(key: Buffer): Promise<Buffer | undefined> {
    const { status, body } = await this.#ask(`/${encodeKey(key)}`)
    if (status === 404) return undefined
    if (status !== 200) throw this.#unexpected(`status ${status} for a key`)
    return body
  }

  /** Writes a value over what the key has. */
  async set(key: Buffer, value: Buffer): Promise<void> {
    const body = `${encodeKey(key)}=${encodeURIComponent(value.toString())}`
    const { status } = await this.#ask('', { method: 'POST', body })
    if (status !== 200) throw this.#unexpected(`status ${status} for a value`)
  }

  async delete(key: Buffer): Promise<void> {
    const { status } = await this.#ask(`/${encodeKey(key)}`, { method: 'DELETE' })
    if (status !== 204 && status !== 200 && status !== 404)
      throw this.#unexpected(`status ${status} for a key that is deleted`)
  }

  close(): void {
    this.#agent.destroy()
  }

  async #ask(what: string, sent: Pick<Sent, 'method' | 'body'> = {}): Promise<Answer> {
    const { signal, limits, pace, allowance } = this.#line
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      await pace?.take(1, signal)
      await allowance?.take(1)
      this.#sent += 1
      const asked = this.#address
      let waitMillis = Math.min(limits.firstWaitMillis * 2 ** (attempt - 1), limits.longestWaitMillis)
      let reason: SourceError
      try {
        const { url } = asked
        const options = { agent: this.#agent, signal, answerMillis: limits.answerMillis, ...sent }
        const answer = await exchange(url, `${url.pathname}${what}`, options)
        if (answer.status === 200 || answer.status === 204 || answer.status === 404) return answer
        reason = this.#refusal(answer.status)
        const seconds = Number(answer.headers['retry-after'] ?? 0)
        if (seconds > 0) waitMillis = Math.max(waitMillis, Math.min(seconds, 60) * 1000)
        if (reason.code === 'SOURCE_AUTH' && (await this.#isRenewed(asked))) waitMillis = 0
        else if (!faultMayPass(reason)) throw reason
      } catch (error) {
        signal.throwIfAborted()
        reason = explainFault(asked.label, error)
        if (!faultMayPass(reason)) throw reason
      }
      // A renewed address is asked again in any case: the old one did nothing.
      if (attempt > limits.attempts && waitMillis > 0) throw reason
      await MONOTONIC.sleep(waitMillis, signal)
    }
  }

  // Several requests may be refused at once: one of them looks, and the others find that it has changed.
  async #isRenewed(asked: ReplitAddress): Promise<boolean> {
    if (this.#address.url.href !== asked.url.href) return true
    const found = await this.#line.find()
    if (found.url.href === asked.url.href) return false
    if (found.identity !== asked.identity)
      throw new SourceError('SOURCE_CHANGED', `${asked.label} is another database than before.`, {
        hint: 'The scan has to begin anew; what was copied is not copied twice.',
      })
    this.#address = found
    return true
  }

  #refusal(status: number): SourceError {
    const { label } = this.#address
    if (status === 401 || status === 403)
      return new SourceError('SOURCE_AUTH', `${label} does not take its address any more.`, {
        hint: 'Replit renews it: within the Repl, /tmp/replitdb has the new one. Elsewhere copy REPLIT_DB_URL again.',
      })
    if (status === 429)
      return new SourceError('SOURCE_THROTTLED', `${label} says that it is asked too much (429).`, {
        hint: 'Give it fewer requests a second: budget: { per_second: 20 }, or --rate 20. Then run the same again: it goes on.',
      })
    if (status >= 500)
      return new SourceError('SOURCE_SERVER', `${label} fails within itself (${status}).`, {
        hint: 'Run the same again later: it goes on.',
      })
    return this.#unexpected(`status ${status}`)
  }

  #unexpected(what: string): SourceError {
    return new SourceError(
      'SOURCE_ANSWER',
      `${this.#address.label} does not answer as a Replit database does: ${what}.`,
      {
        hint: 'Is this the address that /tmp/replitdb or REPLIT_DB_URL holds?',
      },
    )
  }
}
