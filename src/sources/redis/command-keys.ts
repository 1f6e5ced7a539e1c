import { Command, Redis } from 'ioredis'

/**
 * The keys among the arguments of a Redis command, by ioredis's own table. Of a command that the table does not know (a module's, a newer
 * server's) any argument may be one, so all of them are given; what is a method of the client and no command has none.
 */
export function commandKeys(name: string, args: readonly (string | Buffer)[]): readonly Buffer[] {
  if (!COMMANDS.has(name)) return METHODS.has(name) ? [] : args.map((it) => Buffer.from(it))
  try {
    // The table looks for words such as STORE among texts only. Each character is one byte, there and back.
    const texts = args.map((it) => Buffer.from(it).toString('latin1'))
    return new Command(name, texts).getKeys().map((it) => Buffer.from(String(it), 'latin1'))
  } catch {
    return []
  }
}

/** In lower case, as `name` is. */
const COMMANDS: ReadonlySet<string> = new Set(Redis.prototype.getBuiltinCommands())

/** What a client has besides commands, without the `Buffer` that asks for bytes. */
const METHODS: ReadonlySet<string> = new Set(
  prototypes(Redis.prototype)
    .flatMap((it) => Object.getOwnPropertyNames(it))
    .map((it) => it.replace(/Buffer$/, '').toLowerCase()),
)

function prototypes(from: object): readonly object[] {
  const next: object | null = Object.getPrototypeOf(from)
  return next === null || next === Object.prototype ? [from] : [from, ...prototypes(next)]
}
