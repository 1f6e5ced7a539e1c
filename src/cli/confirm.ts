import { KvmigError } from '../errors.ts'
import type { Io } from './io.ts'

/**
 * Asks before something is taken away; `--yes` answers for everybody. Without a terminal there is nobody to ask, and silence is no consent:
 * throws NOT_CONFIRMED.
 */
export async function confirm(question: string, yes: boolean | undefined, io: Io): Promise<boolean> {
  if (yes) return true
  if (!io.isTerminal) {
    throw new KvmigError('NOT_CONFIRMED', `${question} Nobody is there to ask, so nothing was changed.`, {
      hint: 'Say --yes if this is what you want.',
    })
  }
  const answer = await io.ask(`${question} [y/N] `)
  if (/^y(es)?$/i.test(answer.trim())) return true
  io.stderr.write('Nothing was changed.\n')
  return false
}
