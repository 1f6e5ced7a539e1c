import type { Socket } from 'node:net'
import type pg from 'pg'
import { type Response, ResponseReader, simpleQuery, type Wire } from './wire.ts'

/** The protocol on a connection of `pg`, which keeps the login, TLS and the pool. */
export function wireOf(client: pg.ClientBase): Wire {
  const exchange = (send: Send): Promise<Response> =>
    new Promise((resolve, reject) => {
      client.query(new Exchange(send, resolve, reject))
    })
  return {
    exchange: (message) =>
      exchange(async (socket) => {
        socket.write(message)
      }),
    copyIn: (place, frames) => exchange((socket, answered) => sendCopy(socket, place, frames, answered)),
  }
}

/** Writes a request; `answered` says whether the server has answered before the end. */
type Send = (socket: Socket, answered: () => boolean) => Promise<void>

async function sendCopy(
  socket: Socket,
  place: string,
  frames: Iterable<Buffer>,
  answered: () => boolean,
): Promise<void> {
  socket.write(simpleQuery(`COPY ${place} FROM STDIN (FORMAT binary)`))
  // Not waiting for the server's go-ahead: should it refuse, it skips what follows, and says so.
  for (const frame of frames) {
    if (answered() || socket.destroyed) return
    const head = Buffer.alloc(5)
    head.write('d', 0, 'latin1')
    head.writeInt32BE(frame.length + 4, 1)
    socket.cork()
    socket.write(head)
    const room = socket.write(frame)
    socket.uncork()
    if (!room) await drainOrClose(socket)
  }
  if (!answered()) socket.write(COPY_DONE)
}

function drainOrClose(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}

const COPY_DONE = Buffer.from('c\0\0\0\x04', 'latin1')

interface Connection {
  readonly stream: Socket
}

/**
 * A "query" that takes the socket's bytes for itself until the server is ready again, and then hands it back to `pg`: the way of
 * pg-copy-streams, for whole answers. `pg` itself would decode every field as UTF-8.
 */
class Exchange implements pg.Submittable {
  readonly #reader = new ResponseReader()
  readonly #send: Send
  readonly #resolve: (response: Response) => void
  readonly #reject: (error: unknown) => void
  #sending: Promise<void> | undefined
  #answered = false

  constructor(send: Send, resolve: (response: Response) => void, reject: (error: unknown) => void) {
    this.#send = send
    this.#resolve = resolve
    this.#reject = reject
  }

  submit(connection: pg.Connection): void {
    const { stream } = connection as unknown as Connection
    const [theirs, ...more] = stream.listeners('data') as ((chunk: Buffer) => void)[]
    if (!theirs || more.length > 0)
      throw new Error('pg reads its socket in another way than this was written for')
    const ours = (chunk: Buffer): void => {
      const done = this.#reader.push(chunk)
      if (!done) return
      stream.on('data', theirs)
      stream.removeListener('data', ours)
      theirs(Buffer.concat([READY, Buffer.of(done.state), done.rest]))
    }
    // Ours first: a socket without a listener would stop to flow.
    stream.on('data', ours)
    stream.removeListener('data', theirs)
    this.#sending = this.#send(stream, () => this.#answered).catch((error) => {
      stream.destroy(error)
    })
  }

  handleReadyForQuery(): void {
    this.#answered = true
    // An answer may come while a COPY is still being sent. The rest of it must not end up in the next one.
    this.#sending?.then(() => this.#resolve(this.#reader.read()))
  }

  /** The connection went. If the server had said why, that is the better reason. */
  handleError(error: Error): void {
    const sent = this.#sending !== undefined
    this.#reject(
      sent
        ? (this.#reader.read().fault ?? error)
        : Object.assign(new Error(error.message), { code: 'NOT_SENT' }),
    )
  }
}

// The head of ReadyForQuery: then pg knows that the connection is free.
const READY = Buffer.from('Z\0\0\0\x05', 'latin1')
