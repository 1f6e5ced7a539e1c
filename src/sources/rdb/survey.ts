import { setImmediate as turn } from 'node:timers/promises'
import { ARRAY, skipArray } from './array.ts'
import type { ByteFile } from './byte-file.ts'
import type { Crc64 } from './crc64.ts'
import { encodingOf } from './encodings.ts'
import { readModuleName, skipModuleData } from './module.ts'
import { type Beside, type Format, type KeyRecord, nextRecord, readHeader } from './records.ts'

/** What is in a backup. */
export interface Survey {
  readonly format: Format
  /** When the server wrote it, in milliseconds since 1970, to the second; undefined where the file does not say. */
  readonly writtenAt: number | undefined
  /** For each database that has keys, how many, and where the first begins. */
  readonly databases: ReadonlyMap<number, { readonly keys: number; readonly start: number }>
  /** What is in the file beside keys and their elements, and is not given: in words, each once. */
  readonly passed: readonly string[]
}

/**
 * Walks through the whole file once, before anything of it is believed: every entry has to end where the next begins, and the checksum
 * (which a server with `rdbchecksum no` leaves out) has to be that of the bytes before it. Throws SourceError SOURCE_CORRUPT, SOURCE_FORMAT.
 */
export async function survey(file: ByteFile, checksum: Crc64, signal: AbortSignal): Promise<Survey> {
  const format = readHeader(file)
  const databases = new Map<number, { keys: number; start: number }>()
  let database = 0
  const passed = new Set<string>()
  let writtenAt: number | undefined
  let next = 0
  const beside: Beside = {
    select: (selected) => {
      database = selected
    },
    note: (name, value) => {
      if (name === 'ctime' && /^\d{1,12}$/.test(value)) writtenAt = Number(value) * 1000
    },
    pass: (what) => passed.add(what),
  }
  for (;;) {
    const record = nextRecord(file, format, beside)
    if (record === undefined) break
    const known = databases.get(database)
    if (known) known.keys += 1
    else databases.set(database, { keys: 1, start: record.offset })
    skipValue(file, record, format, beside.pass)
    if (file.position < next) continue
    next = file.position + TURN
    await turn()
    signal.throwIfAborted()
  }
  const { version } = format
  const left = file.size - file.position - (version >= FIRST_WITH_CHECKSUM ? CHECKSUM : 0)
  if (left > 0) throw file.damaged(`the backup ends here, and ${left} bytes too many follow`)
  if (version >= FIRST_WITH_CHECKSUM) verify(file, checksum)
  return { format, writtenAt, databases, passed: [...passed].sort() }
}

/** Passes over a value; those of modules are the only ones without an encoding. */
export function skipValue(
  file: ByteFile,
  { typeByte }: KeyRecord,
  format: Format,
  pass?: Beside['pass'],
): void {
  const encoding = encodingOf(typeByte, format)
  if (encoding) encoding.skip(file, pass)
  else readUnnamed(file, typeByte)
}

/** Passes over a value of a type that no plan can name, and says which it is. */
export function readUnnamed(file: ByteFile, typeByte: number): string {
  if (typeByte === ARRAY.typeByte) {
    skipArray(file)
    return ARRAY.type
  }
  const name = readModuleName(file)
  skipModuleData(file)
  return name
}

const FIRST_WITH_CHECKSUM = 5
/** Its length. */
const CHECKSUM = 8
/** Bytes after which others have a turn, and the signal is asked. */
const TURN = 8 * 1024 * 1024

function verify(file: ByteFile, checksum: Crc64): void {
  const at = file.position
  const written = file.bytes(CHECKSUM)
  if (written.readBigUInt64LE(0) !== 0n && !checksum.matches(written))
    throw file.damaged('the checksum here is not that of the bytes before it', at)
}
