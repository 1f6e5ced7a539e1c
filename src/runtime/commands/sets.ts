import { type Commands, onElements, onKey, reading } from './command.ts'
import { bytes, count, membersOf, set, text, unique } from './content.ts'

const all = (args: readonly Buffer[]): readonly Buffer[] => args

/** Commands on sets. */
export const SETS: Commands = {
  sadd: onElements(
    'set',
    all,
    (held, names) => {
      const members = membersOf(held)
      const before = members.size
      for (const it of names) members.add(text(it))
      return { after: members.size === before ? held : set(members, held), reply: members.size - before }
    },
    { needsBase: () => false },
  ),
  srem: onElements(
    'set',
    all,
    (held, names) => {
      const members = membersOf(held)
      const gone = unique(names).filter((it) => members.delete(text(it))).length
      return { after: gone === 0 ? held : set(members, held), reply: gone }
    },
    { needsBase: () => false },
  ),
  spop: onKey('set', (held, [many]) => {
    const members = membersOf(held)
    const popped: string[] = []
    const wanted = many === undefined ? 1 : count(many)
    while (popped.length < wanted && members.size > 0) {
      const it = [...members][Math.floor(Math.random() * members.size)]!
      members.delete(it)
      popped.push(it)
    }
    const after = popped.length === 0 ? held : set(members, held)
    if (many !== undefined) return { after, reply: popped.map(bytes) }
    return { after, reply: popped[0] === undefined ? null : bytes(popped[0]) }
  }),
  smove: {
    subjects: ([from, to, name]) => [
      { key: from!, names: [name!], type: 'set' },
      { key: to!, names: [name!], type: 'set' },
    ],
    needsBase: () => true,
    run: ([from, to], [source, destination, name]) => {
      const [members, others] = [membersOf(from), membersOf(to)]
      if (!members.delete(text(name))) return { after: [from, to], reply: 0 }
      if (source!.equals(destination!)) return { after: [from, to], reply: 1 }
      return { after: [set(members, from), set(others.add(text(name)), to)], reply: 1 }
    },
  },
  sismember: reading('set', (held, [name]) => (membersOf(held).has(text(name)) ? 1 : 0), { names: all }),
  smismember: reading(
    'set',
    (held, names) => {
      const members = membersOf(held)
      return names.map((it) => (members.has(text(it)) ? 1 : 0))
    },
    { names: all },
  ),
  smembers: reading('set', (held) => [...membersOf(held)].map(bytes)),
  scard: reading('set', (held) => membersOf(held).size),
}
