import { gunzipSync, gzipSync } from 'node:zlib'
import { readJson } from '../json/read-json.ts'
import { writeJson } from '../json/write-json.ts'
import { showPath } from '../plan/expression.ts'
import { readBase64 } from '../transforms/base64.ts'
import { readHex } from '../transforms/hex.ts'
import { mismatch } from '../transforms/kind.ts'
import { valueAt } from '../transforms/path.ts'
import { ArgumentError } from '../transforms/transform.ts'
import { Decimal, RejectError, type Value } from '../value.ts'
import type { Decoder } from './decode.ts'
import { readMsgpack, writeMsgpack } from './msgpack.ts'
import { readUtf8, type TextPolicy } from './utf8.ts'

/** What gzip may grow to. */
const MAX_UNZIPPED = 64 * 1024 * 1024
/** How often JSON may be wrapped into JSON text. */
const MAX_WRAPPED = 20

const utf8: Decoder = {
  name: 'utf8',
  summary: 'Text. What decoding begins with where nothing is said.',
  arity: [0, 0],
  takes: 'bytes',
  gives: 'text',
  create: (_, policy) => ({
    decode: (value) => readUtf8(bytes(value), policy),
    encode: (value) => Buffer.from(text(value)),
  }),
}

const asBytes: Decoder = {
  name: 'bytes',
  summary: 'The bytes as they are.',
  arity: [0, 0],
  takes: 'bytes',
  gives: 'bytes',
  create: () => ({ decode: bytes, encode: bytes }),
}

const json: Decoder = {
  name: 'json',
  summary: 'JSON, read without loss: numbers keep every digit, duplicate keys are refused.',
  arity: [0, 0],
  takes: 'any',
  gives: 'any',
  create: (_, policy) => ({ decode: (value) => parse(value, policy), encode: writeJson }),
}

const jsonUntilObject: Decoder = {
  name: 'json until object',
  summary: 'JSON, read again as long as it is text that holds JSON: for values that were encoded twice.',
  arity: [0, 0],
  takes: 'any',
  gives: 'any',
  oneWay: 'how often the value was encoded is forgotten',
  create: (_, policy) => ({
    decode: (value) => {
      let inner = value
      for (let depth = 0; typeof inner === 'string' || Buffer.isBuffer(inner); depth++) {
        if (depth === MAX_WRAPPED)
          throw new RejectError('JSON_TOO_DEEP', `JSON lies in JSON text more than ${MAX_WRAPPED} times.`)
        inner = parse(inner, policy)
      }
      if (inner instanceof Map || Array.isArray(inner)) return inner
      if (inner === null)
        throw new RejectError('NULL_NOT_ALLOWED', 'Expected an object or a list, found null.')
      throw mismatch('an object or a list', inner)
    },
    encode: writeJson,
  }),
}

const unwrap: Decoder = {
  name: 'unwrap',
  summary:
    'What lies inside a JSON object: `unwrap(value)`, `unwrap(data.attributes)`. Fields beside it are reported as unmapped.',
  arity: [1, 1],
  takes: 'any',
  gives: 'any',
  create: ([name = ''], policy) => {
    const path = name.split('.')
    return {
      decode: (value, dropped) => {
        let inner = typeof value === 'string' || Buffer.isBuffer(value) ? parse(value, policy) : value
        for (const [depth, step] of path.entries()) {
          if (!(inner instanceof Map)) throw mismatch('an object', inner)
          for (const key of inner.keys())
            if (key !== step) dropped(showPath([...path.slice(0, depth), key], ''))
          inner = valueAt(inner, [step])
          if (inner === undefined) throw new RejectError('FIELD_MISSING', `The wrapper has no ${step}.`)
        }
        return inner
      },
      encode: (value) => writeJson(path.reduceRight<Value>((inner, step) => new Map([[step, inner]]), value)),
    }
  },
}

const base64: Decoder = {
  name: 'base64',
  summary: 'The bytes that a base64 text describes.',
  arity: [0, 0],
  takes: 'text',
  gives: 'bytes',
  create: () => ({
    decode: (value) => readBase64(text(value)),
    encode: (value) => bytes(value).toString('base64'),
  }),
}

const hex: Decoder = {
  name: 'hex',
  summary: 'The bytes that hexadecimal digits describe.',
  arity: [0, 0],
  takes: 'text',
  gives: 'bytes',
  create: () => ({
    decode: (value) => readHex(text(value)),
    encode: (value) => bytes(value).toString('hex'),
  }),
}

const gzip: Decoder = {
  name: 'gzip',
  summary: 'What was compressed with gzip; up to 64 MB.',
  arity: [0, 0],
  takes: 'bytes',
  gives: 'bytes',
  create: () => ({ decode: (value) => unzip(bytes(value)), encode: (value) => gzipSync(bytes(value)) }),
}

const msgpack: Decoder = {
  name: 'msgpack',
  summary:
    'MessagePack, read without loss: whole numbers of 64 bits, times as moments, bytes as bytes; keys that are no text or stand twice, and other extensions, are refused.',
  arity: [0, 0],
  takes: 'bytes',
  gives: 'any',
  create: (_, policy) => ({
    decode: (value) => readMsgpack(bytes(value), policy),
    encode: writeMsgpack,
  }),
}

const float32: Decoder = {
  name: 'float32',
  summary:
    'A list of numbers from four bytes each, as embeddings are kept: little-endian, unless `float32(big)` is said; infinity and NaN are refused.',
  arity: [0, 1],
  takes: 'bytes',
  gives: 'array',
  create: ([order = 'little']) => {
    if (order !== 'little' && order !== 'big') throw new ArgumentError('Say float32, or float32(big).')
    const isBig = order === 'big'
    return {
      decode: (value) => readFloats(bytes(value), isBig),
      encode: (value) => writeFloats(value, isBig),
    }
  },
}

/** Every decoder there is, by name. */
export const DECODERS: readonly Decoder[] = [
  asBytes,
  base64,
  float32,
  gzip,
  hex,
  json,
  jsonUntilObject,
  msgpack,
  unwrap,
  utf8,
]

function readFloats(value: Buffer, isBig: boolean): Value {
  if (value.length % 4 !== 0)
    throw new RejectError('CODEC_MISMATCH', `${value.length} bytes are not numbers of four bytes each.`)
  return Array.from({ length: value.length / 4 }, (_, place) => {
    const number = isBig ? value.readFloatBE(4 * place) : value.readFloatLE(4 * place)
    if (!Number.isFinite(number)) throw new RejectError('NON_FINITE', 'A number is infinite or NaN.')
    return new Decimal(Object.is(number, -0) ? '-0' : String(number))
  })
}

function writeFloats(value: Value, isBig: boolean): Buffer {
  if (!Array.isArray(value)) throw mismatch('a list of numbers', value)
  const written = Buffer.alloc(4 * value.length)
  for (const [place, it] of value.entries()) {
    if (!(it instanceof Decimal)) throw mismatch('a list of numbers', it)
    if (isBig) written.writeFloatBE(Number(it.text), 4 * place)
    else written.writeFloatLE(Number(it.text), 4 * place)
  }
  return written
}

const parse = (value: Value, policy: TextPolicy): Value => {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return readJson(value, { text: policy })
  throw mismatch('JSON text', value)
}

function unzip(value: Buffer): Buffer {
  try {
    return gunzipSync(value, { maxOutputLength: MAX_UNZIPPED })
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      ? new RejectError('VALUE_TOO_LARGE', 'Unzipped, the value takes more than 64 MB.')
      : new RejectError('CODEC_MISMATCH', 'The bytes are not gzip, or not all of it.')
  }
}

function bytes(value: Value): Buffer {
  if (Buffer.isBuffer(value)) return value
  if (typeof value === 'string') return Buffer.from(value)
  throw mismatch('bytes', value)
}

function text(value: Value): string {
  if (typeof value === 'string') return value
  if (Buffer.isBuffer(value)) return readUtf8(value)
  throw mismatch('text', value)
}
