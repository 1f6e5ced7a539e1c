import { SourceError } from '../../errors.ts'
import type { ByteFile } from './byte-file.ts'
import { readModuleName, skipModuleData } from './module.ts'
import { readLength, readString, skipString } from './primitives.ts'

/** One key of a backup; the file stands before its value, which the caller reads or skips. */
export interface KeyRecord {
  /** Where everything that belongs to the key begins, its expiry included. */
  readonly offset: number
  readonly typeByte: number
  readonly key: Buffer
  readonly expiresAt: number | null
}

/** The newest version of the format that this build reads: what Redis 7.2 writes. */
const NEWEST = 11

/** Reads `REDIS0011` and gives the version. */
export function readHeader(file: ByteFile): number {
  const header = file.size < 9 ? '' : file.bytes(9).toString('latin1')
  const version = /^REDIS(\d{4})$/.exec(header)?.[1]
  if (version === undefined)
    throw new SourceError(
      'SOURCE_FORMAT',
      `${file.label} is no Redis backup: it does not begin with REDIS and a version.`,
      {
        hint: 'Make one with redis-cli --rdb dump.rdb.',
      },
    )
  if (Number(version) < 1 || Number(version) > NEWEST)
    throw new SourceError(
      'SOURCE_FORMAT',
      `${file.label} has version ${Number(version)} of Redis's backup format, and this build reads 1 to ${NEWEST}.`,
      { hint: 'Redis up to 7.2 writes these; a newer server can be read over its connection.' },
    )
  return Number(version)
}

/** Reads up to the next key and gives it; undefined at the end of the data. `select` is told which database begins. */
export function nextRecord(file: ByteFile, select: (database: number) => void): KeyRecord | undefined {
  let offset = file.position
  let expiresAt: number | null = null
  for (;;) {
    const opcode = file.byte()
    switch (opcode) {
      case OPCODE.end:
        return undefined
      case OPCODE.selectDatabase:
        select(readLength(file))
        break
      case OPCODE.expiryMillis:
        expiresAt = Number(file.bytes(8).readBigInt64LE(0))
        continue
      case OPCODE.expirySeconds:
        expiresAt = file.bytes(4).readInt32LE(0) * 1000
        continue
      case OPCODE.frequency:
        file.skip(1)
        continue
      case OPCODE.idle:
        readLength(file)
        continue
      case OPCODE.resizeDatabase:
        readLength(file)
        readLength(file)
        break
      case OPCODE.auxiliary:
        skipString(file)
        skipString(file)
        break
      case OPCODE.functions:
        skipString(file)
        break
      case OPCODE.moduleAuxiliary:
        readModuleName(file)
        readLength(file)
        readLength(file)
        skipModuleData(file)
        break
      default:
        if (opcode > LAST_TYPE) throw file.damaged(`there is no kind of entry ${opcode}`, file.position - 1)
        return { offset, typeByte: opcode, key: readString(file), expiresAt }
    }
    offset = file.position
  }
}

const OPCODE = {
  functions: 245,
  moduleAuxiliary: 247,
  idle: 248,
  frequency: 249,
  auxiliary: 250,
  resizeDatabase: 251,
  expiryMillis: 252,
  expirySeconds: 253,
  selectDatabase: 254,
  end: 255,
} as const
/** Type bytes of values end here. */
const LAST_TYPE = 21
