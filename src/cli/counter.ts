import { counted } from '../report/wording.ts'
import type { Io } from './io.ts'

export interface Counter {
  readonly tell: (keys: number) => void
  readonly finish: () => void
}

/** How often it says how far it came: on a terminal in place, else as lines of a log. */
const [IN_PLACE_MILLIS, LINE_MILLIS] = [200, 10_000]

/** Says on stderr how many keys were read so far; nothing at all for what is over at once. */
export function createCounter({
  io,
  quiet,
  words,
}: {
  readonly io: Io
  readonly quiet: boolean | undefined
  readonly words: string
}): Counter {
  let told = io.now()
  let drawn = false
  return {
    tell: (keys) => {
      const now = io.now()
      if (quiet || now - told < (io.isTerminal ? IN_PLACE_MILLIS : LINE_MILLIS)) return
      told = now
      drawn = io.isTerminal
      const text = `${words}: ${counted(keys, 'key')} so far`
      io.stderr.write(io.isTerminal ? `\r\u001b[K${text}` : `${text}\n`)
    },
    finish: () => {
      if (drawn) io.stderr.write('\r\u001b[K')
    },
  }
}
