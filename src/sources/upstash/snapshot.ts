import { SourceError } from '../../errors.ts'
import { explain } from '../redis/explain.ts'
import { type Reply, ReplyError } from '../redis/resp.ts'
import { readExpiries, type Snapshot, TIMED } from '../redis/snapshot.ts'
import type { Command } from './command.ts'
import type { Store } from './store.ts'

/**
 * Reads values and the expiry of each key at one instant, in one transaction; `values` are the commands that read the values. The expiry of
 * a key is a command of its own.
 */
export async function snapshot(
  store: Store,
  keys: readonly Buffer[],
  values: readonly Command[],
): Promise<Snapshot> {
  for (;;) {
    const mode = store.habits.expiry
    const replies = await ask(store, [...values, ...expiryCommands(mode, keys)])
    if (replies === undefined) {
      store.habits.expiry = 'relative'
      continue
    }
    const asked = replies.slice(values.length)
    const refused = asked.find((it) => it instanceof ReplyError)
    if (refused) throw explain(store.label, refused)
    return { replies: replies.slice(0, values.length), expiries: readExpiries(asked, mode, keys.length, 0)! }
  }
}

// Undefined: PEXPIRETIME is not offered.
async function ask({ client, habits }: Store, commands: readonly Command[]): Promise<Reply[] | undefined> {
  try {
    return await client.transaction(commands)
  } catch (error) {
    const isMissing = error instanceof SourceError && error.code === 'SOURCE_COMMAND'
    if (isMissing && habits.expiry === 'absolute') return undefined
    throw error
  }
}

function expiryCommands(mode: 'absolute' | 'relative', keys: readonly Buffer[]): Command[] {
  if (mode === 'absolute') return keys.map((key) => ['PEXPIRETIME', key])
  const commands = keys.flatMap((key, index): Command[] => [
    ...(index % TIMED === 0 ? [['TIME'] as const] : []),
    ['PTTL', key],
  ])
  return commands.length === 0 ? [] : [...commands, ['TIME']]
}
