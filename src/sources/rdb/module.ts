import type { ByteFile } from './byte-file.ts'
import { readLength, readWide, skipString } from './primitives.ts'

/** A module's type as Redis's TYPE names it, e.g. `ReJSON-RL`: nine characters of six bits, and ten bits of version. */
export function readModuleName(file: ByteFile): string {
  const id = readWide(file)
  let name = ''
  for (let shift = 58n; shift >= 10n; shift -= 6n) name += LETTERS[Number((id >> shift) & 63n)]
  return name
}

/** What a module wrote after its name: values that say what they are, up to a mark. */
export function skipModuleData(file: ByteFile): void {
  for (;;) {
    const at = file.position
    const kind = readLength(file)
    if (kind === 0) return
    if (kind === 1 || kind === 2) readWide(file)
    else if (kind === 3) file.skip(4)
    else if (kind === 4) file.skip(8)
    else if (kind === 5) skipString(file)
    else throw file.damaged('a value of a module that is of no kind', at)
  }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
