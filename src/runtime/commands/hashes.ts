import { type Commands, onElements, reading } from './command.ts'
import { bytes, evens, fieldsOf, hash, integer, pairsOf, text, unique } from './content.ts'
import { floatSum, sum } from './strings.ts'

const first = ([name]: readonly Buffer[]): readonly Buffer[] => [name!]
const all = (args: readonly Buffer[]): readonly Buffer[] => args

const setting = (reply: (added: number) => unknown) =>
  onElements(
    'hash',
    evens,
    (held, args) => {
      const fields = fieldsOf(held)
      const given = pairsOf(args)
      const added = [...given.keys()].filter((it) => !fields.has(it)).length
      return { after: hash(new Map([...fields, ...given]), held), reply: reply(added) }
    },
    { needsBase: () => false },
  )

/** Commands on hashes. */
export const HASHES: Commands = {
  hset: setting((added) => added),
  hmset: setting(() => 'OK'),
  hsetnx: onElements('hash', first, (held, [name, value]) => {
    const fields = fieldsOf(held)
    if (fields.has(text(name))) return { after: held, reply: 0 }
    return { after: hash(fields.set(text(name), value!), held), reply: 1 }
  }),
  hdel: onElements(
    'hash',
    all,
    (held, names) => {
      const fields = fieldsOf(held)
      const gone = unique(names).filter((it) => fields.delete(text(it))).length
      return { after: gone === 0 ? held : hash(fields, held), reply: gone }
    },
    { needsBase: () => false },
  ),
  hincrby: onElements('hash', first, (held, [name, by]) => {
    const fields = fieldsOf(held)
    const result = sum(fields.get(text(name)), integer(by))
    return { after: hash(fields.set(text(name), bytes(String(result))), held), reply: Number(result) }
  }),
  hincrbyfloat: onElements('hash', first, (held, [name, by]) => {
    const fields = fieldsOf(held)
    const result = floatSum(fields.get(text(name)), by)
    return { after: hash(fields.set(text(name), result), held), reply: result }
  }),
  hget: reading('hash', (held, [name]) => fieldsOf(held).get(text(name)) ?? null, { names: first }),
  hmget: reading(
    'hash',
    (held, names) => {
      const fields = fieldsOf(held)
      return names.map((it) => fields.get(text(it)) ?? null)
    },
    { names: all },
  ),
  hexists: reading('hash', (held, [name]) => (fieldsOf(held).has(text(name)) ? 1 : 0), { names: first }),
  hstrlen: reading('hash', (held, [name]) => fieldsOf(held).get(text(name))?.length ?? 0, { names: first }),
  hgetall: reading('hash', (held) =>
    Object.fromEntries(
      [...fieldsOf(held)].map(([name, value]) => [bytes(name).toString(), value.toString()]),
    ),
  ),
  hkeys: reading('hash', (held) => [...fieldsOf(held).keys()].map(bytes)),
  hvals: reading('hash', (held) => [...fieldsOf(held).values()]),
  hlen: reading('hash', (held) => fieldsOf(held).size),
}
