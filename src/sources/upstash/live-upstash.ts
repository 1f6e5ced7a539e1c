import { isUtf8 } from 'node:buffer'
import { SourceError } from '../../errors.ts'
import type { LiveContext } from '../live-store.ts'
import { type Script, ScriptedStore } from '../redis/scripted-store.ts'
import type { UpstashAddress } from './address.ts'
import { LIMITS, RestClient } from './rest.ts'

/** An Upstash database that is written to by the protocol, by REST: each write is a script in a request of its own, sent once. */
export class LiveUpstash extends ScriptedStore {
  readonly #client: RestClient
  readonly #stop = new AbortController()

  /** Runs a script that does nothing, so that a wrong address or token shows here, and a database that runs none. */
  static async open(address: UpstashAddress, context: LiveContext): Promise<LiveUpstash> {
    const store = new LiveUpstash(address, context)
    await store.run({ text: 'return 1', keys: [], args: [], commands: 0 })
    return store
  }

  private constructor(address: UpstashAddress, { signal, timeoutMillis, allowance }: LiveContext) {
    super(address.label)
    this.#client = new RestClient({
      address,
      signal: AbortSignal.any([signal, this.#stop.signal]),
      pace: undefined,
      allowance,
      limits: { ...LIMITS, attempts: 0, answerMillis: timeoutMillis ?? TIMEOUT_MILLIS },
    })
  }

  get syncToken(): string | undefined {
    return this.#client.syncToken
  }

  protected async run({ text, keys, args, commands }: Script): Promise<unknown> {
    const isText = [...keys, ...args].every((it) => typeof it === 'string' || isUtf8(it))
    const sent = isText ? [text, String(keys.length), ...keys, ...args] : inHex({ text, keys, args })
    return this.#send(['EVAL', ...sent], 1 + commands)
  }

  protected ask([name = '', ...args]: readonly (string | Buffer)[]): Promise<unknown> {
    return this.#send([String(name), ...args], 1)
  }

  async close(): Promise<void> {
    this.#stop.abort()
  }

  async #send(command: readonly [string, ...(string | Buffer)[]], cost: number): Promise<unknown> {
    try {
      return await this.#client.once(command, cost)
    } catch (error) {
      if (!(error instanceof SourceError) || !UNKNOWN.has(error.code)) throw error
      throw new SourceError(
        'SOURCE_LOST',
        error.message,
        error.hint === undefined ? {} : { hint: error.hint },
      )
    }
  }
}

const TIMEOUT_MILLIS = 2000

/** After these nobody knows whether a request was carried out. */
const UNKNOWN: ReadonlySet<string> = new Set(['SOURCE_SERVER', 'SOURCE_PROTOCOL'])

/** JSON holds no bytes that are no UTF-8: then all go in hexadecimal, and the script turns them back. */
function inHex({ text, keys, args }: Pick<Script, 'text' | 'keys' | 'args'>): readonly string[] {
  const hex = (it: string | Buffer): string => Buffer.from(it).toString('hex')
  return [`${FROM_HEX}${text}`, '0', String(keys.length), ...keys.map(hex), ...args.map(hex)]
}

const FROM_HEX = `
local given_keys, given_args = {}, {}
for i = 2, #ARGV do
  local bytes = ARGV[i]:gsub('%x%x', function(hex) return string.char(tonumber(hex, 16)) end)
  if i <= tonumber(ARGV[1]) + 1 then given_keys[#given_keys + 1] = bytes else given_args[#given_args + 1] = bytes end
end
local KEYS, ARGV = given_keys, given_args
`
