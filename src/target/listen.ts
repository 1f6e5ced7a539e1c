import pg from 'pg'
import { readAddress } from './address.ts'
import type { OpenOptions } from './connect.ts'

/**
 * Hears notifications of a channel, on a connection of its own that is made again when it was lost. For hearing earlier what a poll would
 * tell anyway: where notifications cannot work (behind a transaction pooler, embedded) nothing is ever heard, and no error comes of it.
 */
export function listen(
  address: string,
  { root = process.cwd(), insecure = false }: OpenOptions,
  channel: string,
  heard: (payload: string) => void,
): { close(): Promise<void> } {
  const place = readAddress(address, { root, insecure })
  if (place.kind === 'pglite') return { close: async () => {} }
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const later = (): void => {
    if (closed) return
    timer = setTimeout(start, AGAIN_MILLIS)
    timer.unref()
  }
  const start = (): void => {
    const made = new pg.Client({ ...place.config, keepAlive: true })
    client = made
    made.on('error', () => {})
    made.once('end', later)
    made.on('notification', ({ payload = '' }) => heard(payload))
    made
      .connect()
      .then(() => made.query(`LISTEN ${pg.escapeIdentifier(channel)}`))
      // What was said while nobody listened: look.
      .then(() => heard(''))
      .catch(() => made.end().catch(() => {}))
  }
  start()
  return {
    close: async () => {
      closed = true
      clearTimeout(timer)
      await client?.end().catch(() => {})
    },
  }
}

const AGAIN_MILLIS = 5000
