import { CalendarDate, Decimal, Instant, RejectError, type Value } from '../value.ts'

/** What CEL gives as a value: ints and doubles are numbers, timestamps moments, maps objects. Throws RejectError for what is no data. */
export function dataOf(given: unknown): Value {
  switch (typeof given) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return given
    case 'bigint':
      return new Decimal(String(given))
    case 'number':
      if (!Number.isFinite(given)) throw new RejectError('NON_FINITE', 'CEL gave infinity or NaN.')
      return new Decimal(String(given))
    case 'object':
      return objectOf(given)
  }
  throw notData()
}

function objectOf(given: object | null): Value {
  if (given === null || given instanceof Decimal || given instanceof Instant || given instanceof CalendarDate)
    return given
  if (Buffer.isBuffer(given)) return given
  if (given instanceof Uint8Array) return Buffer.from(given)
  if (given instanceof Date) return new Instant(BigInt(given.getTime()) * 1000n)
  if (Array.isArray(given)) return given.map(dataOf)
  if (given instanceof Map) return new Map([...given].map(([name, it]) => [String(name), dataOf(it)]))
  if (Object.getPrototypeOf(given) === Object.prototype || Object.getPrototypeOf(given) === null)
    return new Map(Object.entries(given).map(([name, it]) => [name, dataOf(it)]))
  throw notData()
}

const notData = (): RejectError =>
  new RejectError('TRANSFORM', 'CEL gave something that is no data: a type, a duration or a function.')
