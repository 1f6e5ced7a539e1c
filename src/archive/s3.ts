import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { KvmigError } from '../errors.ts'
import type { Place } from './place.ts'

type Variables = Readonly<Record<string, string | undefined>>

/**
 * A bucket of S3, or of what speaks its protocol: `s3://bucket/prefix`. Credentials, region and endpoint come from the environment, by the
 * names that the tools of AWS use: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL.
 */
export function s3Place(address: string, variables: Variables): Place {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)(?:\/(.*?))?\/?$/.exec(address) ?? []
  if (bucket === undefined) throw refused(`${address} names no bucket`, 'Write s3://bucket/prefix.')
  const base = baseOf(bucket, variables)
  const urlOf = (name: string): string =>
    [base, ...[prefix, name].filter(Boolean).join('/').split('/').map(encodeURIComponent)].join('/')
  const label = `s3://${bucket}${prefix ? `/${prefix}` : ''}`
  return {
    label,
    // One request puts the whole object or nothing, so its bytes have to be together before.
    write: async (name, chunks) => {
      const pieces: Buffer[] = []
      for await (const it of chunks) pieces.push(it)
      const body = Buffer.concat(pieces)
      const client = await clientOf(variables)
      const response = await asked(label, () =>
        client.fetch(urlOf(name), {
          method: 'PUT',
          body: new Uint8Array(body),
          headers: {
            'content-type': 'application/octet-stream',
            'x-amz-content-sha256': createHash('sha256').update(body).digest('hex'),
          },
        }),
      )
      await response.arrayBuffer()
      if (!response.ok) throw answered(label, response.status, 'written')
    },
    read: async function* (name) {
      const client = await clientOf(variables)
      const response = await asked(label, () => client.fetch(urlOf(name)))
      if (response.status === 404)
        throw new KvmigError('ARCHIVE_MISSING', `${label} has no file ${name}.`, {
          hint: 'Is this the place of an archive, and is it all there?',
        })
      if (!response.ok || !response.body) throw answered(label, response.status, 'read')
      // The stream of fetch is the one of Node under another name.
      for await (const chunk of Readable.fromWeb(response.body as ReadableStream)) yield Buffer.from(chunk)
    },
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
    retries: 4,
  })
}

async function asked(label: string, ask: () => Promise<Response>): Promise<Response> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof KvmigError) throw error
    throw refused(`${label} cannot be reached`, 'Is AWS_ENDPOINT_URL right, and the region?')
  }
}

const answered = (label: string, status: number, what: string): KvmigError =>
  refused(
    `${label} cannot be ${what}: it answered ${status}`,
    status === 403
      ? 'The credentials need s3:PutObject and s3:GetObject there.'
      : 'Try again, or look at the bucket.',
  )

const refused = (what: string, hint: string): KvmigError =>
  new KvmigError('ARCHIVE_PLACE', `The archive has no place: ${what}.`, { hint })
