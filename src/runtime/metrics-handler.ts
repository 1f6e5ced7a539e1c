import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Answers a scrape, whichever kind of server asks: `createServer(handler)` and Express call it with a request and a response, and servers in
 * the way of fetch (Hono, Next.js routes, Bun, Deno) with a Request, and get a Response.
 */
export interface MetricsHandler {
  (request: IncomingMessage, response: ServerResponse): Promise<void>
  (request?: Pick<Request, 'method'>): Promise<Response>
}

/** `text` gives what there is to tell; it holds neither keys nor values. Whoever may see it is up to the application. */
export function metricsHandler(text: () => Promise<string>): MetricsHandler {
  const answer = async (method: string | undefined): Promise<Answer> => {
    if (method !== undefined && method !== 'GET' && method !== 'HEAD')
      return { status: 405, headers: { allow: 'GET, HEAD', 'content-type': 'text/plain' }, body: '' }
    const body = await text()
    return { status: 200, headers: { 'content-type': CONTENT_TYPE }, body: method === 'HEAD' ? '' : body }
  }
  const handler = async (
    request?: Pick<Request, 'method'> | IncomingMessage,
    response?: ServerResponse,
  ): Promise<Response | undefined> => {
    const { status, headers, body } = await answer(request?.method)
    if (!response) return new Response(body === '' ? null : body, { status, headers })
    response.writeHead(status, headers).end(body)
    return undefined
  }
  // One function for both kinds of call: which one it is shows in what it is given.
  return handler as MetricsHandler
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Of Prometheus's text format. */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
