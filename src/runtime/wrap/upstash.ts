import type { CommandRunner, Invocation } from '../command-run.ts'
import { CommandError } from '../commands/content.ts'

export interface UpstashParts {
  readonly runner: CommandRunner
  /** The keys of a command, or what may be one. */
  readonly keysOf: (name: string, args: readonly (string | Buffer)[]) => readonly Buffer[]
  /** What makes the client see what was written by another connection than its own. */
  readonly syncToken: () => Promise<string | undefined>
}

/** What @upstash/redis sends its requests by: its HTTP client, or one that the application gave it. */
interface Requester {
  request(request: UpstashRequest): Promise<unknown>
  /** What it sends along so that it reads its own writes. */
  upstashSyncToken?: string
}

interface UpstashRequest {
  readonly path?: readonly string[]
  readonly body?: unknown
}

interface Answer {
  readonly result?: unknown
  readonly error?: string
}

/** As far as it is looked into: `client` and `opts` are not private at run time. */
interface UpstashClient {
  client: Requester
  opts: unknown
  enableAutoPipelining: boolean
  autoPipeline(): object
}

/** Is it a Redis of @upstash/redis? */
export const isUpstash = (client: object): boolean =>
  'readYourWritesSyncToken' in client &&
  typeof (client as unknown as UpstashClient).client?.request === 'function'

/**
 * The application's @upstash/redis client, with its commands on keys that a plan claims routed by that plan. The client itself makes requests
 * of commands and values of answers, as it does without: what is between is routed, request by request. A pipeline with claimed keys is sent
 * command by command, in its order; a transaction is one write. The token by which the client reads its own writes stays the client's, and
 * follows what is written here.
 */
export function wrapUpstash<C extends object>(given: C, parts: UpstashParts): C {
  const own = given as unknown as UpstashClient
  const http = own.client
  const routed = new Proxy(http, {
    get: (target, property) => {
      if (property === 'request') return (request: UpstashRequest) => route(request, http, parts)
      const value: unknown = Reflect.get(target, property)
      return typeof value === 'function' ? value.bind(target) : value
    },
    set: (target, property, value) => Reflect.set(target, property, value),
  })
  const { constructor: Redis } = Object.getPrototypeOf(given) as {
    constructor: new (requester: Requester) => UpstashClient
  }
  const made = new Redis(routed)
  made.opts = own.opts
  made.enableAutoPipelining = own.enableAutoPipelining
  return (made.enableAutoPipelining ? made.autoPipeline() : made) as C
}

async function route(request: UpstashRequest, http: Requester, parts: UpstashParts): Promise<unknown> {
  const path = (request.path ?? []).join('/')
  const { body } = request
  if (path === '' && isCommand(body)) {
    const call = callOf(body, parts)
    return parts.runner.concerns(call) ? one(call, request, http, parts) : http.request(request)
  }
  const isBatch = path === 'pipeline' || path === 'multi-exec'
  if (!isBatch || !Array.isArray(body) || !body.every(isCommand)) return http.request(request)
  const calls = body.map((it) => callOf(it, parts))
  if (!calls.some((it) => parts.runner.concerns(it))) return http.request(request)
  return path === 'pipeline' ? inTurn(calls, body, request, http, parts) : together(calls, http, parts)
}

const isCommand = (body: unknown): body is readonly unknown[] => Array.isArray(body) && body.length > 0

function callOf([word, ...rest]: readonly unknown[], { keysOf }: UpstashParts): Invocation {
  const name = String(word).toLowerCase()
  const args = rest.map((it) => Buffer.from(String(it)))
  return { name, args, keys: keysOf(name, args) }
}

async function one(
  call: Invocation,
  request: UpstashRequest,
  http: Requester,
  parts: UpstashParts,
): Promise<unknown> {
  try {
    const { reply, isNative } = await parts.runner.run(call, () => http.request(request))
    if (isNative) return reply
    await follow(http, parts)
    return { result: asJson(reply) }
  } catch (error) {
    if (!isReply(error)) throw error
    return { error: error.message }
  }
}

/** Those on claimed keys by themselves, those between as they came. */
async function inTurn(
  calls: readonly Invocation[],
  commands: readonly unknown[],
  request: UpstashRequest,
  http: Requester,
  parts: UpstashParts,
): Promise<readonly unknown[]> {
  const answers: unknown[] = []
  let waiting: unknown[] = []
  const flush = async (): Promise<void> => {
    if (waiting.length === 0) return
    const sent = waiting
    waiting = []
    answers.push(...((await http.request({ ...request, body: sent })) as unknown[]))
  }
  for (const [index, call] of calls.entries()) {
    if (!parts.runner.concerns(call)) {
      waiting.push(commands[index])
      continue
    }
    await flush()
    const alone = { ...request, path: [], body: commands[index] }
    answers.push(
      await one(call, alone, http, parts).catch((error: Error): Answer => ({ error: error.message })),
    )
  }
  await flush()
  return answers
}

async function together(
  calls: readonly Invocation[],
  http: Requester,
  parts: UpstashParts,
): Promise<readonly Answer[]> {
  // Nothing is watched by REST: nothing can have changed.
  const outcomes = (await parts.runner.together(calls))!
  await follow(http, parts)
  return outcomes.map((it) => ('error' in it ? { error: it.error.message } : { result: asJson(it.reply) }))
}

/** What comes after sees what was written here. */
async function follow(http: Requester, { syncToken }: UpstashParts): Promise<void> {
  const token = await syncToken()
  if (token !== undefined && http.upstashSyncToken !== undefined) http.upstashSyncToken = token
}

// What the store says to a command is the client's to throw; what kvmig says is thrown as it is.
const isReply = (error: unknown): error is Error =>
  error instanceof CommandError || (error instanceof Error && error.constructor === Error)

/** As Upstash answers: text for bytes, and a list for the fields of a hash. */
function asJson(reply: unknown): unknown {
  if (Buffer.isBuffer(reply)) return reply.toString()
  if (Array.isArray(reply)) return reply.map(asJson)
  if (typeof reply === 'object' && reply !== null) return Object.entries(reply).flat().map(asJson)
  return reply ?? null
}
