import { dateText, instantText } from '../calendar.ts'
import { isSameNumber } from '../decimal.ts'
import { CalendarDate, Decimal, Instant, RejectError, type Value } from '../value.ts'

/**
 * A value as text, for `SCRIPT_VALUES` to read: nothing of this process goes into a script but text, numbers and booleans. Lists and objects
 * are tagged lists, numbers keep their digits.
 */
export const toScriptText = (value: Value): string => JSON.stringify(tagged(value))

type Tagged = null | boolean | string | readonly Tagged[]

function tagged(value: Value): Tagged {
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (value instanceof Decimal) {
    if (!/^-?\d+$/.test(value.text) && !isSameNumber(value.text, String(Number(value.text)))) throw lossy()
    return ['n', value.text]
  }
  if (value instanceof Instant) return instantText(value.micros)
  if (value instanceof CalendarDate) return dateText(value.days)
  if (value instanceof Map)
    return ['o', ...[...(value as ReadonlyMap<string, Value>)].map(([key, it]) => [key, tagged(it)])]
  if (Array.isArray(value)) return ['l', ...value.map(tagged)]
  throw new RejectError('TYPE_MISMATCH', 'A script takes no bytes: say how to read them, such as | base64.')
}

/** A script computes with doubles. */
export const lossy = (): RejectError =>
  new RejectError('LOSSY_FLOAT', 'A script computes with doubles, which cannot hold this number exactly.')

/** What `SCRIPT_VALUES` wrote, as a value. */
export function fromScriptText(text: unknown): Value {
  if (text === undefined) return undefined
  return typeof text === 'string' ? untagged(JSON.parse(text) as Tagged) : null
}

function untagged(it: Tagged): Value {
  if (it === null || typeof it === 'string' || typeof it === 'boolean') return it
  const [tag, ...rest] = it
  if (tag === 'n') return new Decimal(String(rest[0]))
  if (tag === 'l') return rest.map(untagged)
  return new Map(
    (rest as unknown as readonly [string, Tagged][]).map(([key, value]) => [key, untagged(value)]),
  )
}

/**
 * Runs inside the script's own world, before the script: a function that takes a value as text and the script's function, and gives the
 * outcome as text. Whole numbers beyond 2^53 are BigInt there, all others numbers.
 */
export const SCRIPT_VALUES = `'use strict';
kvmigCall = (({ parse, stringify }, { isArray }, { keys, defineProperty, getPrototypeOf, prototype }, { isSafeInteger, isFinite }) => {
  const read = (it) => {
    if (!isArray(it)) return it
    if (it[0] === 'n') {
      const number = Number(it[1])
      return isSafeInteger(number) || !/^-?\\d+$/.test(it[1]) ? number : BigInt(it[1])
    }
    if (it[0] === 'l') {
      const list = []
      for (let at = 1; at < it.length; at++) list.push(read(it[at]))
      return list
    }
    const object = {}
    for (let at = 1; at < it.length; at++)
      defineProperty(object, it[at][0], { value: read(it[at][1]), enumerable: true, writable: true, configurable: true })
    return object
  }
  const write = (it) => {
    if (it === null || typeof it === 'string' || typeof it === 'boolean') return it
    if (typeof it === 'bigint' || (typeof it === 'number' && isFinite(it))) return ['n', String(it)]
    if (isArray(it)) {
      const list = ['l']
      for (let at = 0; at < it.length; at++) list.push(write(it[at]))
      return list
    }
    if (typeof it !== 'object' || (getPrototypeOf(it) !== prototype && getPrototypeOf(it) !== null)) throw 0
    const object = ['o']
    for (const key of keys(it)) if (it[key] !== undefined) object.push([key, write(it[key])])
    return object
  }
  return (text, run, isNumber) => {
    const value = parse(text)
    const given = run(isNumber && /^-?\\d+$/.test(value[1]) ? BigInt(value[1]) : read(value))
    return given === undefined ? undefined : stringify(write(given))
  }
})(JSON, Array, Object, Number);`
