import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'

export const ACCESS = { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }

export interface S3Server {
  readonly url: string
  readonly objects: Map<string, Buffer>
  /** How objects are locked: `GOVERNANCE`, and until when. */
  readonly locked: Map<string, Locked>
  /** Takes what is said about a lock, and does not do it. */
  ignoreLocks(on: boolean): void
  /** How objects are kept: `aws:kms the-key`, `customer MD5`. */
  readonly encrypted: Map<string, string>
  /** Uploads in parts that were begun and neither ended nor taken back. */
  readonly unfinished: number
  /** Parts taken so far. */
  readonly parts: number
  /** Answers this many requests with 503 first. */
  busy(times: number): void
  /** Cuts so many connections: a request before it is answered, a download in the middle of it. */
  cut(times: number): void
  /** Refuses the part with this number, for good. */
  failPart(number: number | undefined): void
  /** Changes what arrives in the next upload. */
  damage(): void
  /** Takes what is said about encryption, and does not do it. */
  ignoreEncryption(on: boolean): void
  close(): Promise<void>
}

interface Locked {
  readonly mode: string
  readonly until: string
}

/** The smallest part but the last. */
const LEAST = 5 << 20

/**
 * What a bucket does, as far as archives need it: PUT and GET of objects (GET with Range and If-Match), uploads in parts, encryption; path
 * style, each request signed by version 4. Signatures and checksums are verified, and what S3 refuses is refused.
 */
export async function startS3(): Promise<S3Server> {
  const objects = new Map<string, Buffer>()
  const encrypted = new Map<string, string>()
  const locked = new Map<string, Locked>()
  const uploads = new Map<
    string,
    { readonly path: string; readonly parts: Map<number, Buffer>; kept?: string; lock?: Locked }
  >()
  let [busyTimes, cutTimes, parts, ids] = [0, 0, 0, 0]
  let failing: number | undefined
  let isDamaging = false
  let isIgnoring = false
  let isOpen = false

  interface Said {
    readonly status: number
    readonly body?: Buffer | string
    readonly headers?: Record<string, string>
  }
  const refuse = (status: number, code: string): Said => ({
    status,
    body: `<Error><Code>${code}</Code></Error>`,
  })

  const keepAs = ({
    headers,
  }: IncomingMessage): { kept?: string; headers: Record<string, string> } | undefined => {
    const kind = headers[`${SSE}`] as string | undefined
    const key = headers[`${SSE}-aws-kms-key-id`] as string | undefined
    const own = customerOf(headers)
    if (own === 'wrong') return undefined
    if (own !== undefined)
      return kind === undefined && !isIgnoring
        ? { kept: own, headers: { [`${SSE}-customer-algorithm`]: 'AES256' } }
        : isIgnoring
          ? { headers: {} }
          : undefined
    if (kind === undefined) return key === undefined ? { headers: {} } : undefined
    if (!['AES256', 'aws:kms', 'aws:kms:dsse'].includes(kind) || (key !== undefined && kind === 'AES256'))
      return undefined
    if (isIgnoring) return { headers: {} }
    return { kept: `${kind}${key === undefined ? '' : ` ${key}`}`, headers: { [SSE]: kind } }
  }

  const lockOf = ({ headers }: IncomingMessage): Locked | 'wrong' | undefined => {
    const [mode, until] = ['mode', 'retain-until-date'].map(
      (it) => headers[`x-amz-object-lock-${it}`] as string,
    )
    if (mode === undefined && until === undefined) return undefined
    const isFuture = Date.parse(until ?? '') > Date.now()
    // A request that locks has to say what it sends.
    const isSure =
      headers['x-amz-checksum-sha256'] !== undefined || headers['x-amz-checksum-algorithm'] !== undefined
    if (!isFuture || !isSure || !['GOVERNANCE', 'COMPLIANCE'].includes(mode ?? '')) return 'wrong'
    return isOpen ? undefined : { mode: mode!, until: until! }
  }

  const keep = (
    path: string,
    { kept, lock }: { kept?: string | undefined; lock?: Locked | undefined },
  ): void => {
    if (kept !== undefined) encrypted.set(path, kept)
    if (lock !== undefined) locked.set(path, lock)
  }

  const answer = (request: IncomingMessage, sent: Buffer): Said => {
    const [path = '', text = ''] = request.url!.split('?')
    const query = new URLSearchParams(text)
    const body = isDamaging && sent.length > 0 ? Buffer.concat([sent.subarray(1), Buffer.from('x')]) : sent
    if (busyTimes > 0) {
      busyTimes -= 1
      return refuse(503, 'SlowDown')
    }
    if (!isSigned(request, sent)) return refuse(403, 'SignatureDoesNotMatch')
    if (sent.length > 0) isDamaging = false
    const checksum = request.headers['x-amz-checksum-sha256']
    if (checksum !== undefined && checksum !== base64(body)) return refuse(400, 'BadDigest')
    const upload = uploads.get(query.get('uploadId') ?? '')
    const isPart = query.has('uploadId')
    if (isPart && upload?.path !== path) return refuse(404, 'NoSuchUpload')
    if (request.method === 'POST' && query.has('uploads')) {
      const [made, lock] = [keepAs(request), lockOf(request)]
      if (!made || lock === 'wrong' || request.headers['x-amz-checksum-algorithm'] !== 'SHA256')
        return refuse(400, 'InvalidArgument')
      const id = `upload/${++ids}+=`
      uploads.set(id, {
        path,
        parts: new Map(),
        ...(made.kept === undefined ? {} : { kept: made.kept }),
        ...(lock === undefined ? {} : { lock }),
      })
      const xml = `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`
      return { status: 200, body: xml, headers: made.headers }
    }
    if (request.method === 'PUT' && upload) {
      const number = Number(query.get('partNumber'))
      if (!(number >= 1 && number <= 10_000) || checksum === undefined) return refuse(400, 'InvalidArgument')
      if (number === failing) return refuse(403, 'AccessDenied')
      if (isOtherKey(upload.kept, request)) return refuse(400, 'InvalidRequest')
      upload.parts.set(number, body)
      parts += 1
      return { status: 200, headers: { etag: etagOf(body) } }
    }
    if (request.method === 'DELETE' && upload) {
      uploads.delete(query.get('uploadId')!)
      return { status: 204 }
    }
    if (request.method === 'POST' && upload) {
      if (isOtherKey(upload.kept, request)) return refuse(400, 'InvalidRequest')
      const listed = [...body.toString().matchAll(PART)].map(([, number, etag, sum]) => ({
        bytes: upload.parts.get(Number(number)),
        number: Number(number),
        etag: etag!.replaceAll('&quot;', '"'),
        sum: sum!,
      }))
      if (listed.length === 0 || listed.some((it, index) => it.number !== index + 1))
        return refuse(400, 'InvalidPartOrder')
      if (listed.some(({ bytes, etag, sum }) => !bytes || etag !== etagOf(bytes) || sum !== base64(bytes)))
        return refuse(400, 'InvalidPart')
      // As S3 does it: the refusal comes after the 200.
      if (listed.slice(0, -1).some((it) => it.bytes!.length < LEAST))
        return { ...refuse(200, 'EntityTooSmall') }
      objects.set(path, Buffer.concat(listed.map((it) => it.bytes!)))
      keep(path, upload)
      uploads.delete(query.get('uploadId')!)
      return { status: 200, body: '<CompleteMultipartUploadResult/>' }
    }
    if (request.method === 'PUT') {
      const [made, lock] = [keepAs(request), lockOf(request)]
      if (!made || lock === 'wrong') return refuse(400, 'InvalidArgument')
      objects.set(path, body)
      keep(path, { kept: made.kept, lock })
      return { status: 200, headers: { etag: etagOf(body), ...made.headers } }
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'MethodNotAllowed')
    const found = objects.get(path)
    if (!found) return refuse(404, 'NoSuchKey')
    if (isOtherKey(encrypted.get(path), request)) return refuse(400, 'InvalidRequest')
    if (request.method === 'HEAD') {
      const lock = locked.get(path)
      return {
        status: 200,
        headers: lock
          ? { 'x-amz-object-lock-mode': lock.mode, 'x-amz-object-lock-retain-until-date': lock.until }
          : {},
      }
    }
    const match = request.headers['if-match']
    if (match !== undefined && match !== etagOf(found)) return refuse(412, 'PreconditionFailed')
    const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]
    if (from === undefined) return { status: 200, body: found, headers: { etag: etagOf(found) } }
    if (Number(from) >= found.length) return refuse(416, 'InvalidRange')
    return { status: 206, body: found.subarray(Number(from)), headers: { etag: etagOf(found) } }
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (it) => chunks.push(it))
    request.on('end', () => {
      const said = answer(request, Buffer.concat(chunks))
      const body = Buffer.from(said.body ?? '')
      const isCut = cutTimes > 0
      if (isCut) cutTimes -= 1
      if (isCut && request.method !== 'GET') return response.destroy()
      response.writeHead(said.status, { ...said.headers, 'content-length': String(body.length) })
      if (isCut) response.write(body.subarray(0, body.length >> 1), () => response.destroy())
      else response.end(body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    objects,
    encrypted,
    locked,
    ignoreLocks: (on) => {
      isOpen = on
    },
    get unfinished() {
      return uploads.size
    },
    get parts() {
      return parts
    },
    busy: (times) => {
      busyTimes = times
    },
    cut: (times) => {
      cutTimes = times
    },
    failPart: (number) => {
      failing = number
    },
    damage: () => {
      isDamaging = true
    },
    ignoreEncryption: (on) => {
      isIgnoring = on
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const SSE = 'x-amz-server-side-encryption'
const PART =
  /<Part><PartNumber>(\d+)<\/PartNumber><ETag>([^<]+)<\/ETag><ChecksumSHA256>([^<]+)<\/ChecksumSHA256><\/Part>/g
/** `customer MD5` where a request has a key of its own; `wrong` where it does not fit what is said of it. */
function customerOf(headers: IncomingMessage['headers']): string | undefined {
  const [algorithm, key, md5] = ['algorithm', 'key', 'key-md5'].map(
    (it) => headers[`${SSE}-customer-${it}`] as string,
  )
  if (algorithm === undefined && key === undefined && md5 === undefined) return undefined
  const bytes = Buffer.from(key ?? '', 'base64')
  const isRight = createHash('md5').update(bytes).digest('base64') === md5
  return algorithm === 'AES256' && bytes.length === 32 && isRight ? `customer ${md5}` : 'wrong'
}

/** Whoever wants what was encrypted with a key has to bring it, and for nothing else. */
const isOtherKey = (kept: string | undefined, { headers }: IncomingMessage): boolean =>
  customerOf(headers) !== (kept?.startsWith('customer ') ? kept : undefined)

const base64 = (data: Buffer): string => createHash('sha256').update(data).digest('base64')
const etagOf = (data: Buffer): string => `"${createHash('md5').update(data).digest('hex')}"`

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()

// AWS Signature Version 4, as its documentation describes it.
function isSigned({ headers, method, url }: IncomingMessage, body: Buffer): boolean {
  const [, id, day, region, names, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? []
  const digest = headers['x-amz-content-sha256'] as string
  if (id !== ACCESS.id || !names || !day || !region) return false
  // An upload says what it uploads.
  if (method !== 'GET' && method !== 'HEAD' && digest !== sha256(body)) return false
  const [path = '', asked = ''] = url!.split('?')
  const query = [...new URLSearchParams(asked)]
    .map((pair) => pair.map(encodeURIComponent).join('='))
    .sort()
    .join('&')
  const canonical = [
    method,
    path,
    query,
    ...names.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    names,
    digest,
  ].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const key = [region, 's3', 'aws4_request'].reduce<Buffer>(hmac, hmac(`AWS4${ACCESS.secret}`, day))
  return createHmac('sha256', key).update(text).digest('hex') === signature
}
