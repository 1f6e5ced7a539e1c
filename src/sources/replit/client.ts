import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { SourceError } from '../../errors.ts'
import {
  askPatiently,
  explainStatus,
  HTTP_LIMITS,
  type HttpLimits,
  type HttpLine,
  Refusal,
} from '../http-line.ts'
import type { ReplitAddress } from './address.ts'
import { type Answer, exchange, type Sent } from './http.ts'
import { decodeKey, encodeKey } from './percent.ts'

export interface Limits extends HttpLimits {
  /** Requests under way at one time: there is no other way to read several keys. */
  readonly together: number
}

export const LIMITS: Limits = { ...HTTP_LIMITS, together: 8 }

export interface Line extends HttpLine {
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

  /** All keys that begin with these bytes, each once: one that is listed twice would be paid for twice. */
  async list(prefix: Buffer): Promise<Buffer[]> {
    const { status, body } = await this.#ask(`?prefix=${encodeKey(prefix)}&encode=true`)
    if (status !== 200) throw this.#unexpected(`status ${status} for a list of keys`)
    const listed = new Set(body.toString('latin1').split('\n'))
    listed.delete('')
    return [...listed].map((it) => {
      const key = decodeKey(it)
      if (key === undefined || key.length === 0) throw this.#unexpected('a list of keys that are not encoded')
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

  #ask(what: string, sent: Pick<Sent, 'method' | 'body'> = {}): Promise<Answer> {
    const { signal, limits } = this.#line
    const options = { agent: this.#agent, signal, answerMillis: limits.answerMillis, ...sent }
    return askPatiently(this.#line, {
      label: this.#address.label,
      count: (requests) => {
        this.#sent += requests
      },
      exchange: async () => {
        const asked = this.#address
        const answer = await exchange(asked.url, `${asked.url.pathname}${what}`, options)
        if (answer.status === 200 || answer.status === 204 || answer.status === 404) return answer
        const reason = this.#refusal(answer.status)
        const again = reason.code === 'SOURCE_AUTH' && (await this.#isRenewed(asked))
        throw new Refusal(reason, { retryAfter: answer.headers['retry-after'], again })
      },
    })
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
    return explainStatus(label, status) ?? this.#unexpected(`status ${status}`)
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
