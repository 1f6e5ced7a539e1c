import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'

export const ACCESS = { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }

/** What a bucket does, as far as archives need it: PUT and GET of objects, path style, each request signed by version 4 and checked here. */
export async function startS3(): Promise<{
  readonly url: string
  readonly objects: Map<string, Buffer>
  /** Answers this many requests with 503 first. */
  busy(times: number): void
  close(): Promise<void>
}> {
  const objects = new Map<string, Buffer>()
  let busyTimes = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (it) => chunks.push(it))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const path = request.url!
      response.statusCode = (() => {
        if (busyTimes > 0) {
          busyTimes -= 1
          return 503
        }
        if (!isSigned(request, body)) return 403
        if (request.method === 'PUT') {
          objects.set(path, body)
          return 200
        }
        return request.method !== 'GET' ? 405 : objects.has(path) ? 200 : 404
      })()
      response.end(response.statusCode === 200 && request.method === 'GET' ? objects.get(path) : '')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    objects,
    busy: (times) => {
      busyTimes = times
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

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
  if (method === 'PUT' && digest !== sha256(body)) return false
  const [path = '', query = ''] = url!.split('?')
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
