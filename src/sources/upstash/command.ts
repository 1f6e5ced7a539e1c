import { isUtf8 } from 'node:buffer'

/** A command with its arguments, as bytes or text. */
export type Command = readonly [name: string, ...args: readonly (string | Buffer)[]]

/** A command as it is sent, and how many commands Upstash bills for it. */
export interface Sent {
  readonly json: string
  readonly cost: number
}

/**
 * Writes a command as JSON, which holds text only. A command with bytes that are no UTF-8 is sent in hexadecimal within a script that
 * runs it: a script is one command, and what it runs is another.
 */
export function writeCommand([name, ...args]: Command): Sent {
  const cost = FREE.has(name) ? 0 : 1
  if (args.every((it) => typeof it === 'string' || isUtf8(it)))
    return { json: JSON.stringify([name, ...args.map(String)]), cost }
  const hex = args.map((it) => Buffer.from(it).toString('hex'))
  return { json: JSON.stringify(['EVAL_RO', RUN_HEX, '0', name, ...hex]), cost: cost + 1 }
}

/** Upstash does not bill these. */
const FREE: ReadonlySet<string> = new Set(['PING', 'INFO', 'AUTH'])

const RUN_HEX = `local args = {}
for i = 2, #ARGV do
  args[i - 1] = (ARGV[i]:gsub('%x%x', function(hex) return string.char(tonumber(hex, 16)) end))
end
return redis.pcall(ARGV[1], unpack(args))`
