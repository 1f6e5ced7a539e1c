import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface CuttingProxy {
  readonly url: string
  /** Cuts the connection when a client's next (or nth) COMMIT comes by: before the server sees it, or before the client sees the answer. */
  cutAtCommit(when: 'before the server' | 'before the client', nth?: number): void
  /** Cuts all connections now. */
  cut(): void
  stop(): Promise<void>
}

/** A wire between a client and a Postgres that can be cut at the worst moment. */
export async function startCuttingProxy(database: string): Promise<CuttingProxy> {
  const to = new URL(database)
  let armed: 'before the server' | 'before the client' | undefined
  let left = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(to.port), to.hostname)
    const both = [client, upstream]
    let cutting = false
    const cut = (): void => {
      for (const it of both) it.destroy()
    }
    for (const it of both) {
      sockets.add(it)
      it.on('error', () => {})
      it.on('close', () => {
        sockets.delete(it)
        cut()
      })
    }
    client.on('data', (chunk) => {
      const commits = armed !== undefined && chunk.includes('COMMIT\0') && --left === 0
      if (commits && armed === 'before the server') {
        armed = undefined
        cut()
        return
      }
      if (commits) {
        armed = undefined
        cutting = true
      }
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (cutting) cut()
      else client.write(chunk)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const url = new URL(database)
  url.port = String(address.port)
  return {
    url: url.href,
    cutAtCommit: (when, nth = 1) => {
      armed = when
      left = nth
    },
    cut: () => {
      for (const it of sockets) it.destroy()
    },
    stop: async () => {
      for (const it of sockets) it.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
