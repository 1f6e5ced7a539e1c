import { createHash } from 'node:crypto'
import { KvmigError } from '../errors.ts'

/** A request about one object. */
export interface S3Request {
  readonly method: 'PUT' | 'POST' | 'DELETE'
  readonly query?: string
  readonly body?: Buffer
  readonly headers?: Readonly<Record<string, string>>
  /** It makes the object, so that it says how the object is to be kept. */
  readonly isObject?: boolean
}

export interface S3Answer {
  readonly text: string
  readonly etag: string
  /** What was asked for and is not done: the object would be kept otherwise than it should. */
  readonly fault?: KvmigError
}

/** Sends a request; rejects for every answer that is a refusal. */
export type S3Send = (request: S3Request) => Promise<S3Answer>

/** Bytes of a part. S3 takes parts of 5 MB and more, the last may be smaller, and 10,000 of them: 80 GB. */
export const PART_BYTES = 8 << 20

/**
 * Writes an object: in one request, or in parts where it is larger than a part; no more than one part is in memory. It is there whole or
 * not at all: an upload that fails is taken back. Each part says its SHA-256, which the store compares.
 */
export async function upload(chunks: AsyncIterable<Buffer>, send: S3Send): Promise<void> {
  let id: string | undefined
  const parts: Part[] = []
  const sendPart = async (body: Buffer): Promise<void> => {
    if (id === undefined) {
      const begun = await send({ method: 'POST', query: 'uploads=', headers: ALGORITHM, isObject: true })
      id = idIn(begun.text)
      if (begun.fault) throw begun.fault
    }
    const checksum = checksumOf(body)
    const query = `partNumber=${parts.length + 1}&uploadId=${encodeURIComponent(id)}`
    const { etag } = await send({ method: 'PUT', query, body, headers: { [CHECKSUM]: checksum } })
    parts.push({ etag, checksum })
  }
  try {
    let pieces: Buffer[] = []
    let bytes = 0
    for await (const chunk of chunks) {
      pieces.push(chunk)
      bytes += chunk.length
      if (bytes < PART_BYTES) continue
      const all = Buffer.concat(pieces)
      let at = 0
      for (; all.length - at >= PART_BYTES; at += PART_BYTES)
        await sendPart(all.subarray(at, at + PART_BYTES))
      pieces = [all.subarray(at)]
      bytes = all.length - at
    }
    const rest = Buffer.concat(pieces)
    if (id === undefined) {
      const headers = { [CHECKSUM]: checksumOf(rest) }
      const { fault } = await send({ method: 'PUT', body: rest, headers, isObject: true })
      if (fault) throw fault
      return
    }
    if (rest.length > 0) await sendPart(rest)
    const query = `uploadId=${encodeURIComponent(id)}`
    await send({ method: 'POST', query, body: Buffer.from(listOf(parts)) })
  } catch (error) {
    // What is left of an upload is paid for until somebody takes it back.
    if (id !== undefined)
      await send({ method: 'DELETE', query: `uploadId=${encodeURIComponent(id)}` }).catch(() => {})
    throw error
  }
}

const checksumOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('base64')
export const sha256Hex = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

const CHECKSUM = 'x-amz-checksum-sha256'
const ALGORITHM = { 'x-amz-checksum-algorithm': 'SHA256' }

interface Part {
  readonly etag: string
  readonly checksum: string
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
const listOf = (parts: readonly Part[]): string =>
  `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts
    .map(
      ({ etag, checksum }, index) =>
        `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}</ETag><ChecksumSHA256>${checksum}</ChecksumSHA256></Part>`,
    )
    .join('')}</CompleteMultipartUpload>`

function idIn(text: string): string {
  const id = /<UploadId>([^<]+)<\/UploadId>/.exec(text)?.[1]
  if (id === undefined)
    throw new KvmigError('ARCHIVE_PLACE', 'The archive has no place: the store began no upload.', {
      hint: 'Does it speak the protocol of S3, with uploads in parts?',
    })
  return id
}
