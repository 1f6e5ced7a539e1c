import type { ServerFault } from './server-fault.ts'

/**
 * The part of Postgres's protocol (version 3) that kvmig speaks itself, to a server and to PGlite alike: parameters and rows then are
 * exactly the bytes that we sent and that the server sent, and a row in binary is laid out as in a binary COPY.
 */
export interface Wire {
  /** Sends messages, and gives everything that comes back until the server is ready again. */
  exchange(message: Buffer): Promise<Response>
  /** COPY … FROM STDIN in binary. `frames` are parts of the data, header and trailer included. */
  copyIn(place: string, frames: Iterable<Buffer>): Promise<Response>
}

export interface Response extends Result {
  /** Every statement that came to its end, in order; the other fields are of the last. */
  readonly results: readonly Result[]
  /** More rows can be had from the portal. */
  readonly suspended: boolean
  readonly fault: ServerFault | undefined
}

export interface Result {
  /** The bodies of the rows: number of fields, then length and bytes of each. */
  readonly tuples: readonly Buffer[]
  readonly columns: readonly string[]
  /** `INSERT 0 3`. */
  readonly tag: string
}

/** A parameter as it is sent: text, or bytes in the type's binary format. */
export type Parameter = string | Buffer | null

/** One or several statements without parameters; rows come as text. */
export const simpleQuery = (sql: string): Buffer => message('Q', [cString(sql)])

export interface ExtendedQuery {
  readonly sql: string
  readonly parameters: readonly Parameter[]
  readonly format: 'text' | 'binary'
  readonly portal?: string
  readonly rows?: number
}

/**
 * Statements with parameters, each executed as far as its `rows` (0: to the end): one way to the server and back for all of them. The
 * first that fails is the last that is executed.
 */
export const extendedQueries = (queries: readonly ExtendedQuery[]): Buffer =>
  Buffer.concat([...queries.flatMap(oneQuery), SYNC])

function oneQuery(query: ExtendedQuery): Buffer[] {
  const { sql, parameters, format, portal = '', rows = 0 } = query
  const binary = format === 'binary' ? 1 : 0
  return [
    message('P', [cString(''), cString(sql), int16(0)]),
    message('B', [
      cString(portal),
      cString(''),
      int16(parameters.length),
      ...parameters.map((it) => int16(Buffer.isBuffer(it) ? 1 : 0)),
      int16(parameters.length),
      ...parameters.flatMap((it) =>
        it === null ? [int32(-1)] : sized(Buffer.isBuffer(it) ? it : Buffer.from(it)),
      ),
      int16(1),
      int16(binary),
    ]),
    message('D', [Buffer.from('P'), cString(portal)]),
    message('E', [cString(portal), int32(rows)]),
  ]
}

/** More rows of a portal that was suspended. */
export const executePortal = (portal: string, rows: number): Buffer =>
  Buffer.concat([message('E', [cString(portal), int32(rows)]), SYNC])

export const closePortal = (portal: string): Buffer =>
  Buffer.concat([message('C', [Buffer.from('P'), cString(portal)]), SYNC])

/** Collects what a server sends until it says that it is ready for the next query. */
export class ResponseReader {
  readonly #chunks: Buffer[] = []
  readonly #header = Buffer.alloc(5)
  #headerLength = 0
  #missing = 0

  /** Defined when the answer is complete: how the server is ready (I, T or E), and the bytes behind it, which belong to nobody here. */
  push(chunk: Buffer): { readonly state: number; readonly rest: Buffer } | undefined {
    let offset = 0
    while (offset < chunk.length) {
      if (this.#missing > 0) {
        const taken = Math.min(this.#missing, chunk.length - offset)
        this.#missing -= taken
        offset += taken
      } else {
        this.#header[this.#headerLength++] = chunk[offset++]!
        if (this.#headerLength < 5) continue
        this.#headerLength = 0
        this.#missing = this.#header.readUInt32BE(1) - 4
      }
      if (this.#missing === 0 && this.#headerLength === 0 && this.#header[0] === READY) {
        this.#chunks.push(chunk.subarray(0, offset))
        return { state: chunk[offset - 1]!, rest: chunk.subarray(offset) }
      }
    }
    this.#chunks.push(chunk)
    return undefined
  }

  /** The whole messages so far. */
  read(): Response {
    return readResponse(this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks))
  }
}

/** Rows of a statement as text, by column name; of a response, those of its last. */
export function textRows({ tuples, columns }: Result): Record<string, string | null>[] {
  return tuples.map((tuple) => {
    const row: Record<string, string | null> = {}
    let offset = 2
    for (const column of columns) {
      const length = tuple.readInt32BE(offset)
      offset += 4
      row[column] = length < 0 ? null : tuple.toString('utf8', offset, offset + length)
      if (length > 0) offset += length
    }
    return row
  })
}

const READY = 'Z'.charCodeAt(0)

function readResponse(bytes: Buffer): Response {
  let tuples: Buffer[] = []
  let columns: string[] = []
  let last: Result = { tuples, columns, tag: '' }
  const results: Result[] = []
  let suspended = false
  let fault: ServerFault | undefined
  for (let offset = 0; offset + 5 <= bytes.length; ) {
    const end = offset + 1 + bytes.readUInt32BE(offset + 1)
    if (end > bytes.length) break
    const body = bytes.subarray(offset + 5, end)
    switch (String.fromCharCode(bytes[offset]!)) {
      case 'T':
        ;[tuples, columns] = [[], readColumns(body)]
        break
      case 'D':
        tuples.push(body)
        break
      case 'C':
        last = { tuples, columns, tag: body.toString('utf8', 0, body.length - 1) }
        results.push(last)
        ;[tuples, columns] = [[], []]
        break
      case 's':
        suspended = true
        last = { tuples, columns, tag: '' }
        break
      case 'E':
        fault ??= readFault(body)
        break
    }
    offset = end
  }
  return { ...last, results, suspended, fault }
}

function readColumns(body: Buffer): string[] {
  const columns: string[] = []
  let offset = 2
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const end = body.indexOf(0, offset)
    columns.push(body.toString('utf8', offset, end))
    offset = end + 19
  }
  return columns
}

// Detail, where and internal query hold rows and values: they are not even read.
function readFault(body: Buffer): ServerFault {
  const fields = new Map<string, string>()
  for (let offset = 0; body[offset] !== 0 && offset < body.length; ) {
    const end = body.indexOf(0, offset + 1)
    fields.set(String.fromCharCode(body[offset]!), body.toString('utf8', offset + 1, end))
    offset = end + 1
  }
  return {
    severity: fields.get('V') ?? fields.get('S') ?? 'ERROR',
    code: fields.get('C') ?? 'XX000',
    message: fields.get('M') ?? '',
    schema: fields.get('s'),
    table: fields.get('t'),
    column: fields.get('c'),
    constraint: fields.get('n'),
    position: fields.get('P'),
  }
}

function message(code: string, parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, it) => sum + it.length, 4)
  const head = Buffer.alloc(5)
  head.write(code, 0, 'latin1')
  head.writeInt32BE(length, 1)
  return Buffer.concat([head, ...parts])
}

function cString(text: string): Buffer {
  if (text.includes('\0')) throw new Error('SQL cannot hold a NUL character')
  return Buffer.from(`${text}\0`)
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const sized = (bytes: Buffer): Buffer[] => [int32(bytes.length), bytes]

const SYNC = message('S', [])
