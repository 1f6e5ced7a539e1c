import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { setTimeout as delay } from 'node:timers/promises'
import { KvmigError } from '../errors.ts'
import type { Place } from './place.ts'
import {
  customerHeaders,
  type Encryption,
  encryptionHeaders,
  type Lock,
  lockHeaders,
  readS3Address,
} from './s3-address.ts'
import { sha256Hex, upload } from './s3-upload.ts'

type Variables = Readonly<Record<string, string | undefined>>

/** How often a request, or the rest of an answer, is asked for again after the connection broke; AwsClient sees to 429 and 5xx. */
const ATTEMPTS = 4
const FIRST_WAIT_MILLIS = 100

/**
 * A bucket of S3, or of what speaks its protocol: `s3://bucket/prefix`. Credentials, region and endpoint come from the environment, by the
 * names that the tools of AWS use: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL. What is
 * large goes up in parts; every part has its checksum, which the store verifies. What was to be encrypted or locked and is not is no place
 * for an archive. Throws ARCHIVE_PLACE.
 */
export function s3Place(address: string, variables: Variables): Place {
  const { bucket, prefix, encryption, lock } = readS3Address(address)
  const customer = customerHeaders(encryption, variables)
  const base = baseOf(bucket, variables)
  const label = `s3://${bucket}${prefix ? `/${prefix}` : ''}`
  const ask = askerOf(label, variables)
  const urlOf = (name: string): string =>
    [base, ...[prefix, name].filter(Boolean).join('/').split('/').map(encodeURIComponent)].join('/')
  return {
    label,
    write: async (name, chunks) => {
      await upload(chunks, async ({ query, method, body, headers = {}, isObject = false }) => {
        const asked = isObject ? { ...encryptionHeaders(encryption), ...lockHeaders(lock, Date.now()) } : {}
        const response = await ask(`${urlOf(name)}${query === undefined ? '' : `?${query}`}`, {
          method,
          ...(body === undefined ? {} : { body: new Uint8Array(body) }),
          headers: {
            ...(isObject ? { 'content-type': 'application/octet-stream' } : {}),
            'x-amz-content-sha256': sha256Hex(body ?? Buffer.alloc(0)),
            ...asked,
            ...(method === 'DELETE' ? {} : customer),
            ...headers,
          },
        })
        const text = await response.text()
        // The end of an upload may fail with status 200.
        if (!response.ok || /<Error>/.test(text)) throw answered(label, response.status, 'written')
        const fault = isObject ? unencrypted(label, encryption, response) : undefined
        return { text, etag: response.headers.get('etag') ?? '', ...(fault && { fault }) }
      })
      if (lock === undefined) return
      const kept = await ask(urlOf(name), { method: 'HEAD', headers: customer })
      if (!isLocked(kept, lock)) throw unlocked(label, lock)
    },
    read: async function* (name) {
      let [at, etag] = [0, '']
      for (let attempt = 1; ; attempt++) {
        const rest = at === 0 ? {} : { range: `bytes=${at}-`, 'if-match': etag }
        const response = await ask(urlOf(name), { headers: { ...rest, ...customer } })
        if (response.status === 404) throw missing(label, name)
        if (!response.ok || !response.body) throw answered(label, response.status, 'read')
        etag = response.headers.get('etag') ?? ''
        try {
          // The stream of fetch is the one of Node under another name.
          for await (const chunk of Readable.fromWeb(response.body as ReadableStream)) {
            at += chunk.length
            yield Buffer.from(chunk)
          }
          return
        } catch {
          // Without its tag nobody knows whether the rest is of the same file.
          if (attempt === ATTEMPTS || etag === '') throw unreachable(label)
        }
      }
    },
  }
}

type Ask = (url: string, init: RequestInit) => Promise<Response>

function askerOf(label: string, variables: Variables): Ask {
  let made: ReturnType<typeof clientOf> | undefined
  return async (url, init) => {
    made ??= clientOf(variables)
    const client = await made
    for (let attempt = 1; ; attempt++) {
      try {
        return await client.fetch(url, init)
      } catch {
        if (attempt === ATTEMPTS) throw unreachable(label)
        await delay(FIRST_WAIT_MILLIS * 2 ** (attempt - 1))
      }
    }
  }
}

function baseOf(
  bucket: string,
  { AWS_ENDPOINT_URL: endpoint, AWS_REGION, AWS_DEFAULT_REGION }: Variables,
): string {
  if (endpoint) return `${endpoint.replace(/\/$/, '')}/${bucket}`
  return `https://${bucket}.s3.${AWS_REGION ?? AWS_DEFAULT_REGION ?? 'us-east-1'}.amazonaws.com`
}

async function clientOf(variables: Variables) {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = variables
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY)
    throw refused(
      'there are no credentials for S3',
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_REGION; AWS_ENDPOINT_URL for another store).',
    )
  const { AwsClient } = await import('aws4fetch').catch(() => {
    throw refused(
      'aws4fetch, which signs requests, is not installed',
      'npm install aws4fetch, or archive to a folder.',
    )
  })
  return new AwsClient({
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
    service: 's3',
    region: variables.AWS_REGION ?? variables.AWS_DEFAULT_REGION ?? 'us-east-1',
    retries: ATTEMPTS,
  })
}

// A store that does not know encryption takes the header, and keeps clear text.
function unencrypted(
  label: string,
  encryption: Encryption | undefined,
  response: Response,
): KvmigError | undefined {
  if (encryption === undefined) return undefined
  const isCustomer = encryption.kind === 'customer'
  const done = response.headers.get(`x-amz-server-side-encryption${isCustomer ? '-customer-algorithm' : ''}`)
  if (done === (isCustomer ? 'AES256' : encryption.kind)) return undefined
  return refused(
    `${label} took a file and did not encrypt it with ${encryption.kind}`,
    'Does this store encrypt, and may the credentials use the key? Look whether the file is still there.',
  )
}

// A store that does not know locks takes the headers, and lets everybody delete.
function isLocked({ ok, headers }: Response, { mode, days }: Lock): boolean {
  const until = Date.parse(headers.get('x-amz-object-lock-retain-until-date') ?? '')
  // What the bucket does by itself may hold for longer; an hour is for clocks that differ.
  return (
    ok &&
    headers.get('x-amz-object-lock-mode') === mode &&
    until >= Date.now() + days * 86_400_000 - 3_600_000
  )
}

const unlocked = (label: string, { mode, days }: Lock): KvmigError =>
  refused(
    `${label} took a file and does not say that it is locked (${mode}, ${days} days)`,
    'Is Object Lock on for the bucket, and may the credentials see it (s3:GetObjectRetention)? The file is there.',
  )

const missing = (label: string, name: string): KvmigError =>
  new KvmigError('ARCHIVE_MISSING', `${label} has no file ${name}.`, {
    hint: 'Is this the place of an archive, and is it all there?',
  })

const unreachable = (label: string): KvmigError =>
  refused(`${label} cannot be reached`, 'Is AWS_ENDPOINT_URL right, and the region?')

const answered = (label: string, status: number, what: string): KvmigError =>
  refused(
    `${label} cannot be ${what}: it answered ${status}`,
    status === 403
      ? 'The credentials need s3:PutObject, s3:GetObject and s3:AbortMultipartUpload there, s3:PutObjectRetention for a lock, and kms:GenerateDataKey and kms:Decrypt for a key of their own.'
      : 'Try again, or look at the bucket.',
  )

const refused = (what: string, hint: string): KvmigError =>
  new KvmigError('ARCHIVE_PLACE', `The archive has no place: ${what}.`, { hint })
