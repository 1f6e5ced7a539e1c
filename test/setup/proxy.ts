import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A TCP proxy in front of a server, to make the network behave badly. What it does is set while it runs. */
export interface FaultyProxy {
  readonly port: number
  /** Connections so far. */
  readonly connections: number
  /** Cuts every connection, hard, after so many more bytes of answers: once, or again after as many more. */
  cutAfter(bytes: number, again?: 'again'): void
  /** Passes answers on in pieces of so many bytes; Infinity: as they come. */
  pieces(bytes: number): void
  /** Takes connections and requests, and answers nothing. */
  stall(on: boolean): void
  /** Cuts each connection as soon as it is made. */
  refuse(on: boolean): void
  /** Leads new connections to another server, and cuts those there are. */
  redirect(port: number): void
  /** Sees each request's bytes, and of which connection, before the server does; what it returns is waited for, and bytes go there in place of these. */
  onRequest(see: See | undefined): void
  close(): Promise<void>
}

type See = (bytes: Buffer, connection: number) => void | Buffer | Promise<void>

export async function startProxy(target: number): Promise<FaultyProxy> {
  let port = target
  let left = Number.POSITIVE_INFINITY
  let leftAgain = Number.POSITIVE_INFINITY
  let size = Number.POSITIVE_INFINITY
  let isStalled = false
  let isRefusing = false
  let connections = 0
  let see: See | undefined
  const sockets = new Set<Socket>()

  const cutAll = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
    sockets.clear()
  }

  const server = createServer({ noDelay: true }, (client) => {
    connections += 1
    const connection = connections
    if (isRefusing) {
      client.resetAndDestroy()
      return
    }
    const upstream = connect({ port, host: '127.0.0.1', noDelay: true })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    let seen = Promise.resolve()
    client.on('data', (bytes) => {
      seen = seen.then(async () => {
        upstream.write((await see?.(bytes, connection)) ?? bytes)
      })
    })
    upstream.on('data', (bytes) => {
      if (isStalled) return
      const passed = bytes.subarray(0, left)
      left -= passed.length
      for (let at = 0; at < passed.length; at += size) client.write(passed.subarray(at, at + size))
      if (left > 0) return
      left = leftAgain
      cutAll()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    get connections() {
      return connections
    },
    cutAfter: (bytes, again) => {
      left = bytes
      leftAgain = again ? bytes : Number.POSITIVE_INFINITY
    },
    pieces: (bytes) => {
      size = bytes
    },
    stall: (on) => {
      isStalled = on
    },
    refuse: (on) => {
      isRefusing = on
    },
    redirect: (to) => {
      port = to
      cutAll()
    },
    onRequest: (callback) => {
      see = callback
    },
    close: async () => {
      cutAll()
      server.close()
      await once(server, 'close')
    },
  }
}
