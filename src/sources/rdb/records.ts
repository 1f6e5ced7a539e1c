import { SourceError } from '../../errors.ts'
import { ARRAY } from './array.ts'
import type { ByteFile } from './byte-file.ts'
import { isReadable } from './encodings.ts'
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

/** Who wrote a backup, and how: Valkey went its own way after version 11. */
export interface Format {
  readonly server: 'redis' | 'valkey'
  readonly version: number
}

/**
 * The newest version of each that is known. Redis 7.4 to 8.4 write 12, 8.6 writes 13, 8.8 writes 14, Valkey 9.0 writes 80 (src/rdb.h of
 * both). What has no reader is refused where it stands in a file, for nobody can pass over a value of unknown length.
 */
const NEWEST = { redis: 14, valkey: 80 } as const
const FIRST = { redis: 1, valkey: 80 } as const
const NAMES = { redis: 'Redis', valkey: 'Valkey' } as const

/** Reads `REDIS0012` or `VALKEY080`. */
export function readHeader(file: ByteFile): Format {
  const header = file.size < 9 ? '' : file.bytes(9).toString('latin1')
  const [, magic, digits] = /^(REDIS|VALKEY)(\d{3,4})$/.exec(header) ?? []
  if (magic === undefined)
    throw new SourceError(
      'SOURCE_FORMAT',
      `${file.label} is no Redis backup: it does not begin with REDIS or VALKEY and a version.`,
      {
        hint: 'Make one with redis-cli --rdb dump.rdb.',
      },
    )
  const server = magic === 'REDIS' ? 'redis' : 'valkey'
  const version = Number(digits)
  if (version < FIRST[server] || version > NEWEST[server])
    throw new SourceError(
      'SOURCE_FORMAT',
      `${file.label} has version ${version} of ${NAMES[server]}'s backup format, and this build reads ${FIRST.redis} to ${NEWEST.redis} of Redis and ${NEWEST.valkey} of Valkey.`,
      { hint: 'A newer server can be read over its connection.' },
    )
  return { server, version }
}

/** What stands beside the keys, for whoever wants to know. */
export interface Beside {
  /** A database begins. */
  select?(database: number): void
  /** Something that a server notes about the backup: `redis-ver`, `ctime`. */
  note?(name: string, value: string): void
  /** Something that is no key, and is passed over: `functions`. */
  pass?(what: string): void
}

/** Reads up to the next key and gives it; undefined at the end of the data. */
export function nextRecord(
  file: ByteFile,
  format: Format,
  { select, note, pass }: Beside = {},
): KeyRecord | undefined {
  let offset = file.position
  let expiresAt: number | null = null
  for (;;) {
    const opcode = file.byte()
    switch (opcode) {
      case OPCODE.end:
        return undefined
      case OPCODE.selectDatabase: {
        const database = readLength(file)
        select?.(database)
        break
      }
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
      case OPCODE.keyMetadata:
        // The number is Valkey's for something else: slots that are being moved in.
        if (format.server === 'valkey') skipSlotImport(file)
        else {
          skipKeyMetadata(file)
          pass?.('what modules attach to keys')
        }
        continue
      case OPCODE.slot:
        skipLengths(file, 3)
        break
      case OPCODE.enterpriseRam:
      case OPCODE.enterpriseSlot:
        skipLengths(file, 1)
        continue
      case OPCODE.resizeDatabase:
        skipLengths(file, 2)
        break
      case OPCODE.auxiliary: {
        const name = readString(file).toString('latin1')
        if (note) note(name, readString(file).toString('latin1'))
        else skipString(file)
        break
      }
      case OPCODE.functions:
        skipString(file)
        pass?.('functions')
        break
      case OPCODE.moduleAuxiliary: {
        const module = readModuleName(file)
        pass?.(`data of module ${module}`)
        skipLengths(file, 2)
        skipModuleData(file)
        break
      }
      default: {
        const at = file.position - 1
        const known = format.server === 'redis' && UNREADABLE.find((it) => it.kind === opcode)
        if (known && format.version >= known.since)
          throw unreadable(file, `${known.what} (kind ${opcode})`, at)
        if (!isReadable(opcode, format) && !isArray(opcode, format))
          throw file.damaged(`there is no kind of entry ${opcode}`, at)
        return { offset, typeByte: opcode, key: readString(file), expiresAt }
      }
    }
    offset = file.position
  }
}

const OPCODE = {
  /** Redis Enterprise notes these for its own use (redis/librdb, src/lib/defines.h). */
  enterpriseRam: 107,
  enterpriseSlot: 121,
  keyMetadata: 243,
  slot: 244,
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

const isArray = (typeByte: number, { server, version }: Format): boolean =>
  typeByte === ARRAY.typeByte && server === 'redis' && version >= ARRAY.since

/** Kinds that have a meaning and no reader here. */
const UNREADABLE: readonly {
  readonly kind: number
  /** The version that brought it: in an older file the number is damage. */
  readonly since: number
  readonly what: string
}[] = [
  { kind: 6, since: 8, what: 'a value of a module in the form of release candidates of Redis 4.0' },
  { kind: 246, since: 10, what: 'functions in the form of release candidates of Redis 7.0' },
]

function unreadable(file: ByteFile, what: string, at: number): SourceError {
  return new SourceError(
    'SOURCE_FORMAT',
    `${file.label} holds at byte ${at} ${what}, which this build cannot read.`,
    { hint: 'Read the server over its connection, or delete what it is and make the backup again.' },
  )
}

// Metadata that modules attach to a key: classes, each a number of four bytes and values up to a mark (redis/redis#14445).
function skipKeyMetadata(file: ByteFile): void {
  for (let classes = readLength(file); classes > 0; classes--) {
    file.skip(4)
    skipModuleData(file)
  }
}

// The name of a job, and from which slot to which.
function skipSlotImport(file: ByteFile): void {
  skipString(file)
  for (let ranges = readLength(file); ranges > 0; ranges--) skipLengths(file, 2)
}

function skipLengths(file: ByteFile, count: number): void {
  for (let left = count; left > 0; left--) readLength(file)
}
