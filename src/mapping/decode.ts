import { isUtf8 } from 'node:buffer'
import type { DecoderSignature } from '../plan/catalog.ts'
import type { DecodeCondition, DecodeStep } from '../plan/plan.ts'
import { RejectError, type Value } from '../value.ts'
import type { RecordScope } from './record.ts'
import { readUtf8, type TextPolicy } from './utf8.ts'
import { compileQuestion } from './where.ts'

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
  /** `stored` is bytes, or the object of a hash's fields. The scope tells conditions where it comes from; its value is overwritten. */
  decode(stored: Value, dropped: (field: string) => void, scope: RecordScope): Value
  encode?(value: Value): Buffer
  readonly oneWay?: string
}

export interface DecodingContext {
  readonly decoders: ReadonlyMap<string, Decoder>
  readonly policy: TextPolicy
  /** Names of the key's captures, in order. */
  readonly captures: readonly string[]
}

/**
 * Compiles a chain: each link takes what the one before gives, and bytes become text on the way into a link that wants text. An empty
 * chain gives text. Throws ArgumentError for arguments that make no sense, CelError for a condition that is none.
 */
export function compileDecoding(steps: readonly DecodeStep[], context: DecodingContext): Decoding {
  const { decoders, policy } = context
  const links = steps.map((step): Link => {
    const decoder = decoders.get(step.name)
    if (!decoder) throw new Error(`no decoder ${step.name}`)
    return { takes: decoder.takes, when: step.when, ...decoder.create(step.arguments, policy) }
  })
  const [only] = links
  if (!only) return { decode: (stored) => readUtf8(stored as Buffer, policy), encode: bytesOf }
  if (links.some((it) => it.when)) return { decode: conditional(links, context), oneWay: CONDITIONAL }
  const oneWay = steps.map((it) => decoders.get(it.name)?.oneWay).find((it) => it !== undefined)
  const decode =
    links.length === 1 && only.takes !== 'text'
      ? only.decode
      : (stored: Value, dropped: (field: string) => void): Value =>
          links.reduce((value, link) => follow(link, value, dropped, policy), stored)
  return {
    decode,
    ...(oneWay !== undefined && { oneWay }),
    ...(links.every((it) => it.encode) && {
      encode: (value: Value) => bytesOf(links.reduceRight((inner, link) => link.encode!(inner), value)),
    }),
  }
}

const CONDITIONAL = 'which of its ways a value was decoded in is forgotten'

interface Link extends DecoderFunction {
  readonly takes: Decoder['takes']
  readonly when: DecodeCondition | undefined
}

const follow = (link: Link, value: Value, dropped: (field: string) => void, policy: TextPolicy): Value =>
  link.decode(link.takes === 'text' && Buffer.isBuffer(value) ? readUtf8(value, policy) : value, dropped)

/** A chain with conditions: each is asked once, before the first step of its group. Bytes that no step took end as text. */
function conditional(links: readonly Link[], { captures, policy }: DecodingContext): Decoding['decode'] {
  const groups: { readonly asks: Asks | undefined; readonly links: Link[] }[] = []
  for (const [place, link] of links.entries()) {
    const { when } = link
    if (place > 0 && when?.group === links[place - 1]!.when?.group) groups.at(-1)!.links.push(link)
    else
      groups.push({
        asks: when && compileQuestion(when.cel, { what: 'if', captures }).evaluate,
        links: [link],
      })
  }
  return (stored, dropped, scope) => {
    const text = (value: Value): Value =>
      Buffer.isBuffer(value) && isUtf8(value) ? readUtf8(value, policy) : value
    let value = stored
    for (const group of groups) {
      if (group.asks) {
        scope.value = text(stored)
        if (!group.asks(scope, text(value))) continue
      }
      for (const link of group.links) value = follow(link, value, dropped, policy)
    }
    return value === stored && Buffer.isBuffer(value) ? readUtf8(value, policy) : value
  }
}

type Asks = (scope: RecordScope, value: Value) => boolean

function bytesOf(value: Value): Buffer {
  if (Buffer.isBuffer(value)) return value
  if (typeof value === 'string') return Buffer.from(value)
  if (typeof value === 'boolean') return Buffer.from(String(value))
  if (value !== null && typeof value === 'object' && 'text' in value) return Buffer.from(value.text)
  throw new RejectError('TYPE_MISMATCH', 'Expected text or bytes to write into the store.')
}
