/** A command as the server describes it, and calls of it that have a key in each of the places that may have one. */
export interface Described {
  readonly name: string
  readonly flags: readonly string[]
  readonly calls: readonly (readonly string[])[]
}

/** One command in the answer to COMMAND, from Redis 7 on. */
export type DescribedByServer = readonly [
  name: string,
  arity: number,
  flags: readonly string[],
  first: number,
  last: number,
  step: number,
  categories: unknown,
  hints: unknown,
  specs: readonly Pairs[],
  inside: readonly DescribedByServer[],
]
type Pairs = readonly unknown[]

/** Of containers such as OBJECT the commands inside of them as well. */
export function describedBy(commands: readonly DescribedByServer[], key: string): readonly Described[] {
  return commands.flatMap(([name, arity, flags, , , , , , specs, inside]) => [
    { name, flags, calls: specs.flatMap((it) => callWith(key, name.split('|'), arity, fields(it)) ?? []) },
    ...describedBy(inside, key),
  ])
}

/** A call with the key where one of the command's key specifications says; undefined: it does not say. */
function callWith(
  key: string,
  words: readonly string[],
  arity: number,
  spec: Record<string, unknown>,
): readonly (readonly string[])[] | undefined {
  // Channels of a cluster's own.
  if ((spec.flags as readonly string[]).some((it) => it.toLowerCase() === 'not_key')) return undefined
  const begin = fields(spec.begin_search as Pairs)
  const find = fields(spec.find_keys as Pairs)
  if (begin.type === 'unknown' || find.type === 'unknown') return undefined
  const { index, keyword } = fields(begin.spec as Pairs) as { index?: number; keyword?: string }
  const { keynumidx = 0, firstkey = 0 } = fields(find.spec as Pairs) as Record<string, number>
  const call = [...words]
  while (call.length < Math.abs(arity)) call.push('1')
  // The keys of MIGRATE stand in two places, one of which is empty then.
  if (words[0] === 'migrate' && keyword) call[3] = ''
  if (keyword) call.push(keyword)
  const from = index ?? call.length
  if (find.type === 'keynum') {
    call[from + keynumidx] = '1'
    call[from + firstkey] = key
  } else call[from] = key
  // XREAD … STREAMS key id
  if (keyword?.toLowerCase() === 'streams') call.push('0')
  return [Array.from(call, (it) => it ?? '1')]
}

function fields(pairs: Pairs): Record<string, unknown> {
  return Object.fromEntries(pairs.flatMap((it, at) => (at % 2 === 0 ? [[it, pairs[at + 1]]] : [])))
}
