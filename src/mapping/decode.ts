import type { DecoderSignature } from '../plan/catalog.ts'
import type { DecodeStep } from '../plan/plan.ts'
import { RejectError, type Value } from '../value.ts'
import { readUtf8, type TextPolicy } from './utf8.ts'

/** A named way to read what a store holds, and to write it again. */
export interface Decoder extends DecoderSignature {
  readonly name: string
  /** What the way back loses, if anything. */
  readonly oneWay?: string
  create(args: readonly string[], policy: TextPolicy): DecoderFunction
}

export interface DecoderFunction {
  /** Throws RejectError. `dropped` is told the paths of fields that are passed over. */
  decode(value: Value, dropped: (field: string) => void): Value
  encode?(value: Value): Value
}

/** A decode chain, compiled. */
export interface Decoding {
  decode(bytes: Buffer, dropped: (field: string) => void): Value
  encode?(value: Value): Buffer
  readonly oneWay?: string
}

/**
 * Compiles a chain: each link takes what the one before gives, and bytes become text on the way into a link that wants text. An empty
 * chain gives text. Throws ArgumentError for arguments that make no sense.
 */
export function compileDecoding(
  steps: readonly DecodeStep[],
  decoders: ReadonlyMap<string, Decoder>,
  policy: TextPolicy,
): Decoding {
  const links = steps.map(({ name, arguments: args }) => {
    const decoder = decoders.get(name)
    if (!decoder) throw new Error(`no decoder ${name}`)
    return { takes: decoder.takes, ...decoder.create(args, policy) }
  })
  const oneWay = steps.map((it) => decoders.get(it.name)?.oneWay).find((it) => it !== undefined)
  const [only] = links
  if (!only) return { decode: (bytes) => readUtf8(bytes, policy), encode: bytesOf }
  const decode =
    links.length === 1 && only.takes !== 'text'
      ? only.decode
      : (bytes: Buffer, dropped: (field: string) => void): Value =>
          links.reduce<Value>(
            (value, link) =>
              link.decode(
                link.takes === 'text' && Buffer.isBuffer(value) ? readUtf8(value, policy) : value,
                dropped,
              ),
            bytes,
          )
  return {
    decode,
    ...(oneWay !== undefined && { oneWay }),
    ...(links.every((it) => it.encode) && {
      encode: (value: Value) => bytesOf(links.reduceRight((inner, link) => link.encode!(inner), value)),
    }),
  }
}

function bytesOf(value: Value): Buffer {
  if (Buffer.isBuffer(value)) return value
  if (typeof value === 'string') return Buffer.from(value)
  if (typeof value === 'boolean') return Buffer.from(String(value))
  if (value !== null && typeof value === 'object' && 'text' in value) return Buffer.from(value.text)
  throw new RejectError('TYPE_MISMATCH', 'Expected text or bytes to write into the store.')
}
