import { setImmediate as turn } from 'node:timers/promises'
import type { ByteFile } from './byte-file.ts'
import type { Crc64 } from './crc64.ts'
import { encodingOf } from './encodings.ts'
import { readModuleName, skipModuleData } from './module.ts'
import { type KeyRecord, nextRecord, readHeader } from './records.ts'

/** What is in a backup: for each database that has keys, how many, and where the first begins. */
export type Survey = ReadonlyMap<number, { keys: number; readonly start: number }>

/**
 * Walks through the whole file once, before anything of it is believed: every entry has to end where the next begins, and the checksum
 * (which a server with `rdbchecksum no` leaves out) has to be that of the bytes before it. Throws SourceError SOURCE_CORRUPT, SOURCE_FORMAT.
 */
export async function survey(file: ByteFile, checksum: Crc64, signal: AbortSignal): Promise<Survey> {
  const version = readHeader(file)
  const databases = new Map<number, { keys: number; start: number }>()
  let database = 0
  let next = 0
  for (;;) {
    const record = nextRecord(file, (selected) => {
      database = selected
    })
    if (record === undefined) break
    const known = databases.get(database)
    if (known) known.keys += 1
    else databases.set(database, { keys: 1, start: record.offset })
    skipValue(file, record)
    if (file.position < next) continue
    next = file.position + TURN
    await turn()
    signal.throwIfAborted()
  }
  const left = file.size - file.position - (version >= FIRST_WITH_CHECKSUM ? CHECKSUM : 0)
  if (left > 0) throw file.damaged(`the backup ends here, and ${left} bytes too many follow`)
  if (version >= FIRST_WITH_CHECKSUM) verify(file, checksum)
  return databases
}

/** Passes over a value; module types are the only ones without an encoding of their own. */
export function skipValue(file: ByteFile, { typeByte }: KeyRecord): void {
  const encoding = encodingOf(typeByte)
  if (encoding) encoding.skip(file)
  else readModule(file, typeByte)
}

/** Passes over a module's value and gives the name of its type. */
export function readModule(file: ByteFile, typeByte: number): string {
  if (typeByte !== MODULE) throw file.damaged(`there is no value of kind ${typeByte}`)
  const name = readModuleName(file)
  skipModuleData(file)
  return name
}

const FIRST_WITH_CHECKSUM = 5
/** Its length. */
const CHECKSUM = 8
const MODULE = 7
/** Bytes after which others have a turn, and the signal is asked. */
const TURN = 8 * 1024 * 1024

function verify(file: ByteFile, checksum: Crc64): void {
  const at = file.position
  const written = file.bytes(CHECKSUM)
  if (written.readBigUInt64LE(0) !== 0n && !checksum.matches(written))
    throw file.damaged('the checksum here is not that of the bytes before it', at)
}
