import { askPatiently, HTTP_LIMITS, type HttpLimits, type HttpLine, Refusal } from '../http-line.ts'
import { type Reply, ReplyError } from '../redis/resp.ts'
import type { UpstashAddress } from './address.ts'
import { type Command, type Sent, writeCommand } from './command.ts'
import { explain, explainRefusal } from './explain.ts'
import { readReply, ShapeError } from './reply.ts'

/** An answer that is not there as a whole after `answerMillis` is taken for lost. */
export interface Limits extends HttpLimits {
  /** Bytes of a request; Upstash takes 10 MB and more, by plan, and older ones 1 MB. */
  readonly requestBytes: number
  /** Commands in a request. */
  readonly requestCommands: number
}

export const LIMITS: Limits = {
  ...HTTP_LIMITS,
  answerMillis: 120_000,
  requestBytes: 900_000,
  requestCommands: 1000,
}

export interface Line extends HttpLine {
  readonly address: UpstashAddress
  readonly limits: Limits
}

/**
 * Upstash's REST protocol: what fails on the way is asked again, as often as the limits say. Every command that is sent counts, be it
 * answered or not. Nothing is asked beyond the allowance. Rejects with SourceError, or with the signal's reason.
 */
export class RestClient {
  readonly #line: Line
  #sent = 0
  /** Makes what is answered no older than what was answered before, whichever replica answers. */
  #syncToken: string | undefined

  constructor(line: Line) {
    this.#line = line
  }

  get sent(): number {
    return this.#sent
  }

  get syncToken(): string | undefined {
    return this.#syncToken
  }

  /** One command, sent once, that is known to run others: all of them count. Its error is thrown. */
  async once(command: Command, cost: number): Promise<Reply> {
    const sent = writeCommand(command)
    const [reply] = await this.#ask('', [{ ...sent, cost }])
    if (reply instanceof ReplyError) throw explain(this.#line.address.label, reply)
    return reply!
  }

  /** Replies in order, errors among them; as many requests as the limits ask for. */
  async pipeline(commands: readonly Command[]): Promise<Reply[]> {
    const replies: Reply[] = []
    const { requestBytes, requestCommands } = this.#line.limits
    let some: Sent[] = []
    let bytes = 0
    for (const command of commands) {
      const sent = writeCommand(command)
      const size = Buffer.byteLength(sent.json) + 1
      if (some.length === requestCommands || (some.length > 0 && bytes + size > requestBytes)) {
        replies.push(...(await this.#ask('/pipeline', some)))
        some = []
        bytes = 0
      }
      some.push(sent)
      bytes += size
    }
    if (some.length > 0) replies.push(...(await this.#ask('/pipeline', some)))
    return replies
  }

  /** All at one instant: in one request, whose size is the caller's business. */
  transaction(commands: readonly Command[]): Promise<Reply[]> {
    return this.#ask('/multi-exec', commands.map(writeCommand))
  }

  /** One command, whose error is thrown. */
  async run(command: Command): Promise<Reply> {
    const [reply] = await this.#ask('', [writeCommand(command)])
    if (reply instanceof ReplyError) throw explain(this.#line.address.label, reply)
    return reply!
  }

  #ask(path: '' | '/pipeline' | '/multi-exec', commands: readonly Sent[]): Promise<Reply[]> {
    const body = path === '' ? commands[0]!.json : `[${commands.map((it) => it.json).join(',')}]`
    return askPatiently(this.#line, {
      label: this.#line.address.label,
      cost: commands.reduce((sum, it) => sum + it.cost, 0),
      count: (sent) => {
        this.#sent += sent
      },
      exchange: () => this.#exchange(path, body, commands.length),
      explain,
    })
  }

  async #exchange(path: string, body: string, count: number): Promise<Reply[]> {
    const { address, signal, limits } = this.#line
    const response = await fetch(`${address.url}${path === '' ? '/' : path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${address.token}`,
        'content-type': 'application/json',
        'upstash-encoding': 'base64',
        ...(this.#syncToken === undefined ? {} : { 'upstash-sync-token': this.#syncToken }),
      },
      body,
      // The token is for this host and no other.
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(limits.answerMillis)]),
    })
    const text = await response.text()
    if (response.status !== 200) throw this.#refusal(response, text)
    this.#syncToken = response.headers.get('upstash-sync-token') ?? this.#syncToken
    const answer = parsed(text)
    if (path === '') return [readReply(answer)]
    if (!Array.isArray(answer)) throw refused(answer, address.label)
    if (answer.length !== count) throw new ShapeError('another number of answers than commands')
    return this.#checked(answer.map(readReply))
  }

  // The quota may be used up in the middle: what came before is worth nothing without the rest.
  #checked(replies: Reply[]): Reply[] {
    for (const reply of replies) {
      if (!(reply instanceof ReplyError) || reply.code !== 'ERR') continue
      const error = explain(this.#line.address.label, reply)
      if (error.code === 'SOURCE_QUOTA' || error.code === 'SOURCE_BUSY') throw error
    }
    return replies
  }

  #refusal(response: Response, text: string): Error {
    const { label } = this.#line.address
    const reason = explainRefusal(label, { status: response.status, text: errorText(text) })
    return new Refusal(reason, { retryAfter: response.headers.get('retry-after') })
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the answer.
    throw new ShapeError('an answer that is no JSON, or not all of it')
  }
}

function errorText(text: string): string | undefined {
  try {
    const answer: unknown = JSON.parse(text)
    if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined
    return typeof answer.error === 'string' ? answer.error : undefined
  } catch {
    return undefined
  }
}

function refused(answer: unknown, label: string): Error {
  const reply = readReply(answer)
  return reply instanceof ReplyError ? explain(label, reply) : new ShapeError('one answer to many commands')
}
