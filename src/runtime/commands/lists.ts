import { type Command, type Commands, onKey, reading } from './command.ts'
import { CommandError, count, type Held, itemsOf, list, placeOf, slice, syntax, text } from './content.ts'

/** Commands on lists. */
export const LISTS: Commands = {
  lpush: pushing((items, given) => [...given.toReversed(), ...items]),
  rpush: pushing((items, given) => [...items, ...given]),
  lpushx: pushing((items, given) => [...given.toReversed(), ...items], { exists: true }),
  rpushx: pushing((items, given) => [...items, ...given], { exists: true }),
  lpop: popping('left'),
  rpop: popping('right'),
  ltrim: onKey('list', (held, [from, to]) => {
    const items = itemsOf(held)
    const kept = slice(items, count(from), count(to))
    return { after: kept.length === items.length ? held : list(kept, held), reply: 'OK' }
  }),
  lrem: onKey('list', (held, [many, item]) => {
    const [items, limit] = [itemsOf(held), count(many)]
    const places = items.flatMap((it, at) => (it.equals(item!) ? [at] : []))
    const ordered = limit < 0 ? places.toReversed() : places
    const gone = new Set(limit === 0 ? ordered : ordered.slice(0, Math.abs(limit)))
    if (gone.size === 0) return { after: held, reply: 0 }
    return {
      after: list(
        items.filter((_, at) => !gone.has(at)),
        held,
      ),
      reply: gone.size,
    }
  }),
  lset: onKey('list', (held, [index, item]) => {
    if (!held) throw new CommandError('ERR no such key')
    const items = itemsOf(held)
    const at = placeOf(count(index), items.length)
    if (at < 0 || at >= items.length) throw new CommandError('ERR index out of range')
    return { after: list(items.with(at, item!), held), reply: 'OK' }
  }),
  linsert: onKey('list', (held, [where, pivot, item]) => {
    const word = text(where).toLowerCase()
    if (word !== 'before' && word !== 'after') throw syntax()
    const items = itemsOf(held)
    if (!held) return { after: held, reply: 0 }
    const at = items.findIndex((it) => it.equals(pivot!))
    if (at === -1) return { after: held, reply: -1 }
    const after = items.toSpliced(word === 'before' ? at : at + 1, 0, item!)
    return { after: list(after, held), reply: after.length }
  }),
  rpoplpush: moving(() => ['right', 'left']),
  lmove: moving(([, , from, to]) => [side(from), side(to)]),
  lrange: reading('list', (held, [from, to]) => slice(itemsOf(held), count(from), count(to))),
  llen: reading('list', (held) => itemsOf(held).length),
  lindex: reading('list', (held, [index]) => {
    const items = itemsOf(held)
    return items[placeOf(count(index), items.length)] ?? null
  }),
}

type Side = 'left' | 'right'

function side(word: Buffer | undefined): Side {
  const written = text(word).toLowerCase()
  if (written !== 'left' && written !== 'right') throw syntax()
  return written
}

function pushing(
  put: (items: readonly Buffer[], given: readonly Buffer[]) => readonly Buffer[],
  { exists = false } = {},
): Command {
  return onKey('list', (held, given) => {
    const items = itemsOf(held)
    if (exists && !held) return { after: held, reply: 0 }
    const after = put(items, given)
    return { after: list(after, held), reply: after.length }
  })
}

function taken(items: readonly Buffer[], from: Side, many: number) {
  const popped = from === 'left' ? items.slice(0, many) : items.slice(Math.max(0, items.length - many))
  const rest = from === 'left' ? items.slice(many) : items.slice(0, Math.max(0, items.length - many))
  return { popped: from === 'left' ? popped : popped.toReversed(), rest }
}

function popping(from: Side): Command {
  return onKey('list', (held, [many]) => {
    const { popped, rest } = taken(itemsOf(held), from, many === undefined ? 1 : count(many))
    const after = popped.length === 0 ? held : list(rest, held)
    if (many === undefined) return { after, reply: popped[0] ?? null }
    return { after, reply: held ? popped : null }
  })
}

function moving(sides: (args: readonly Buffer[]) => readonly [Side, Side]): Command {
  return {
    subjects: ([from, to]) => [
      { key: from!, type: 'list' },
      ...(from!.equals(to!) ? [] : [{ key: to!, type: 'list' } as const]),
    ],
    needsBase: () => true,
    run: ([source, destination]: readonly Held[], args) => {
      const [from, to] = sides(args)
      const isSame = args[0]!.equals(args[1]!)
      const { popped, rest } = taken(itemsOf(source), from, 1)
      const target = isSame ? rest : itemsOf(destination)
      const [item] = popped
      if (!item) return { after: isSame ? [source] : [source, destination], reply: null }
      const moved = to === 'left' ? [item, ...target] : [...target, item]
      return {
        after: isSame ? [list(moved, source)] : [list(rest, source), list(moved, destination)],
        reply: item,
      }
    },
  }
}
