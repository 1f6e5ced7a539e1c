import { Command } from 'ioredis'

/** The keys among the arguments of a Redis command, by ioredis's own table; none for what is no command. */
export function commandKeys(name: string, args: readonly (string | Buffer)[]): readonly Buffer[] {
  try {
    return new Command(name, [...args]).getKeys().map((it) => Buffer.from(it))
  } catch {
    return []
  }
}
