import { type Agent as ClearAgent, type IncomingHttpHeaders, request as requestClear } from 'node:http'
import { request as requestSecure } from 'node:https'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** What is sent; a GET where it says nothing. */
export interface Sent {
  readonly agent: ClearAgent
  readonly signal: AbortSignal
  readonly answerMillis: number
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** A form. */
  readonly body?: string
}

/**
 * Sends a request whose path goes out as it is written. `fetch` would make something else of a key such as `..`. Rejects with what the system
 * says, with a TimeoutError, or with the signal's reason.
 */
export function exchange(
  url: URL,
  path: string,
  { agent, signal, answerMillis, method = 'GET', body }: Sent,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stop = AbortSignal.any([signal, AbortSignal.timeout(answerMillis)])
    const send = url.protocol === 'https:' ? requestSecure : requestClear
    const request = send({
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? undefined : Number(url.port),
      path,
      method,
      ...(body !== undefined && { headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
      agent,
      signal: stop,
      // Said explicitly, so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment does not switch it off.
      rejectUnauthorized: true,
    })
    const fail = (error: unknown): void => reject(stop.aborted ? stop.reason : error)
    request.on('error', fail)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', fail)
      response.on('end', () => {
        if (!response.complete) return fail(new Error('cut off'))
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) })
      })
    })
    request.end(body)
  })
}
