import { type Reply, ReplyError } from '../redis/resp.ts'

/** What came is not what the protocol has: cut off, of somebody else, or without the encoding that was asked for. */
export class ShapeError extends Error {}

/**
 * One element of an answer, `{"result": …}` or `{"error": …}`, as a reply like a Redis's own: every string is base64 of its bytes (that is
 * what `Upstash-Encoding: base64` asks for), but for the status OK. Throws ShapeError.
 */
export function readReply(element: unknown): Reply {
  if (typeof element !== 'object' || element === null) throw new ShapeError('an answer that is no object')
  if ('error' in element) {
    if (typeof element.error !== 'string') throw new ShapeError('an error without words')
    return new ReplyError(element.error)
  }
  if (!('result' in element)) throw new ShapeError('neither a result nor an error')
  return decoded(element.result)
}

function decoded(result: unknown): Reply {
  if (result === null || typeof result === 'number') return result
  if (typeof result === 'string') return result === 'OK' ? result : bytes(result)
  if (Array.isArray(result)) return result.map(decoded)
  throw new ShapeError('a result of a kind that Redis does not have')
}

// Buffer.from passes over what is no base64: then bytes are missing at the end.
function bytes(text: string): Buffer {
  const buffer = Buffer.from(text, 'base64')
  if (text.length % 4 !== 0 || buffer.length !== Buffer.byteLength(text, 'base64'))
    throw new ShapeError('a string that is not in base64')
  return buffer
}
