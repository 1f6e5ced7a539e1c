import { type Command, type Commands, onElements, onKey, reading } from './command.ts'
import {
  bytes,
  CommandError,
  count,
  float,
  type Held,
  inOrder,
  odds,
  scoresOf,
  scoreText,
  slice,
  syntax,
  text,
  unique,
  zset,
} from './content.ts'

/** Commands on sorted sets. */
export const ZSETS: Commands = {
  zadd: onElements(
    'zset',
    (args) => odds(afterOptions(args).rest),
    (held, args) => {
      const { options, rest } = afterOptions(args)
      const has = (it: string): boolean => options.has(it)
      if (rest.length === 0 || rest.length % 2 !== 0) throw syntax()
      if (has('nx') && (has('xx') || has('gt') || has('lt')))
        throw new CommandError('ERR GT, LT, and/or NX options at the same time are not compatible')
      if (has('incr') && rest.length !== 2)
        throw new CommandError('ERR INCR option supports a single increment-element pair')
      const scores = scoresOf(held)
      let [added, changed, result] = [0, 0, null as number | null]
      for (let at = 0; at < rest.length; at += 2) {
        const name = text(rest[at + 1])
        const old = scores.get(name)
        const score = has('incr') ? sumOf(old, float(rest[at])) : float(rest[at])
        if (old === undefined ? has('xx') : has('nx')) continue
        if (old !== undefined && ((has('gt') && score <= old) || (has('lt') && score >= old))) continue
        if (old === undefined) added += 1
        else if (old !== score) changed += 1
        scores.set(name, score)
        result = score
      }
      const after = added + changed === 0 ? held : zset(scores, held)
      if (has('incr')) return { after, reply: result === null ? null : bytes(scoreText(result)) }
      return { after, reply: has('ch') ? added + changed : added }
    },
    { needsBase: (args) => afterOptions(args.slice(1)).options.size > 0 },
  ),
  zincrby: onElements(
    'zset',
    ([, name]) => [name!],
    (held, [by, name]) => {
      const scores = scoresOf(held)
      const result = sumOf(scores.get(text(name)), float(by))
      return { after: zset(scores.set(text(name), result), held), reply: bytes(scoreText(result)) }
    },
  ),
  zrem: onElements(
    'zset',
    (args) => args,
    (held, names) => {
      const scores = scoresOf(held)
      const gone = unique(names).filter((it) => scores.delete(text(it))).length
      return { after: gone === 0 ? held : zset(scores, held), reply: gone }
    },
    { needsBase: () => false },
  ),
  zpopmin: popping((all, many) => all.slice(0, many)),
  zpopmax: popping((all, many) => all.toReversed().slice(0, many)),
  zremrangebyrank: removing((all, [from, to]) => slice(all, count(from), count(to))),
  zremrangebyscore: removing((all, [from, to]) => between(all, from, to)),
  zscore: reading('zset', (held, [name]) => scoreReply(scoresOf(held).get(text(name))), {
    names: (args) => args,
  }),
  zmscore: reading(
    'zset',
    (held, names) => {
      const scores = scoresOf(held)
      return names.map((it) => scoreReply(scores.get(text(it))))
    },
    { names: (args) => args },
  ),
  zcard: reading('zset', (held) => scoresOf(held).size),
  zcount: reading('zset', (held, [from, to]) => between(inOrder(scoresOf(held)), from, to).length),
  zrank: reading('zset', (held, [name]) => rank(inOrder(scoresOf(held)), name)),
  zrevrank: reading('zset', (held, [name]) => rank(inOrder(scoresOf(held)).toReversed(), name)),
  zrange: reading('zset', (held, args) => {
    const options = args.slice(2).map((it) => text(it).toLowerCase())
    if (options.includes('bylex')) throw syntax()
    const isReverse = options.includes('rev')
    const all = inOrder(scoresOf(held))
    const [from, to] = args
    if (options.includes('byscore')) {
      const found = isReverse ? between(all, to, from).toReversed() : between(all, from, to)
      return listed(limited(found, args.slice(2)), options)
    }
    return listed(slice(isReverse ? all.toReversed() : all, count(from), count(to)), options)
  }),
  zrevrange: reading('zset', (held, [from, to, ...options]) =>
    listed(
      slice(inOrder(scoresOf(held)).toReversed(), count(from), count(to)),
      options.map((it) => text(it).toLowerCase()),
    ),
  ),
  zrangebyscore: reading('zset', (held, [from, to, ...options]) =>
    listed(
      limited(between(inOrder(scoresOf(held)), from, to), options),
      options.map((it) => text(it).toLowerCase()),
    ),
  ),
  zrevrangebyscore: reading('zset', (held, [from, to, ...options]) =>
    listed(
      limited(between(inOrder(scoresOf(held)), to, from).toReversed(), options),
      options.map((it) => text(it).toLowerCase()),
    ),
  ),
}

type Scored = readonly (readonly [string, number])[]

function afterOptions(args: readonly Buffer[]): {
  readonly options: ReadonlySet<string>
  readonly rest: readonly Buffer[]
} {
  const words = args.map((it) => text(it).toLowerCase())
  const first = words.findIndex((it) => !/^(nx|xx|gt|lt|ch|incr)$/.test(it))
  const end = first === -1 ? words.length : first
  return { options: new Set(words.slice(0, end)), rest: args.slice(end) }
}

function sumOf(old: number | undefined, by: number): number {
  const result = (old ?? 0) + by
  if (Number.isNaN(result)) throw new CommandError('ERR resulting score is not a number (NaN)')
  return result
}

function without(held: Held, gone: Scored): Held {
  if (gone.length === 0) return held
  const scores = scoresOf(held)
  for (const [name] of gone) scores.delete(name)
  return zset(scores, held)
}

function popping(choose: (all: Scored, many: number) => Scored): Command {
  return onKey('zset', (held, [many]) => {
    const gone = choose(inOrder(scoresOf(held)), many === undefined ? 1 : count(many))
    return { after: without(held, gone), reply: listed(gone, ['withscores']) }
  })
}

function removing(choose: (all: Scored, args: readonly Buffer[]) => Scored): Command {
  return onKey('zset', (held, args) => {
    const gone = choose(inOrder(scoresOf(held)), args)
    return { after: without(held, gone), reply: gone.length }
  })
}

function between(all: Scored, from: Buffer | undefined, to: Buffer | undefined): Scored {
  const [low, high] = [bound(from), bound(to)]
  return all.filter(
    ([, score]) =>
      (low.open ? score > low.at : score >= low.at) && (high.open ? score < high.at : score <= high.at),
  )
}

function bound(it: Buffer | undefined): { readonly at: number; readonly open: boolean } {
  const open = text(it).startsWith('(')
  try {
    return { at: float(open ? it!.subarray(1) : it), open }
  } catch {
    throw new CommandError('ERR min or max is not a float')
  }
}

function limited(found: Scored, options: readonly Buffer[]): Scored {
  const at = options.findIndex((it) => /^limit$/i.test(text(it)))
  if (at === -1) return found
  const [offset, many] = [count(options[at + 1]), count(options[at + 2])]
  return found.slice(offset, many < 0 ? undefined : offset + many)
}

const listed = (found: Scored, options: readonly string[]): readonly Buffer[] =>
  found.flatMap(([name, score]) =>
    options.includes('withscores') ? [bytes(name), bytes(scoreText(score))] : [bytes(name)],
  )

const scoreReply = (score: number | undefined): Buffer | null =>
  score === undefined ? null : bytes(scoreText(score))

function rank(all: Scored, name: Buffer | undefined): number | null {
  const at = all.findIndex(([it]) => it === text(name))
  return at === -1 ? null : at
}
