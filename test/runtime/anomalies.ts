/** A write of a record as its caller saw it. Times are of one clock, in any unit; every value is unique. */
export interface Written {
  readonly record: string
  /** Null: a delete. */
  readonly value: string | null
  readonly began: number
  /** When the caller heard that it is done; undefined: it failed, or nobody heard. Then it may take effect at any time, or never. */
  ended: number | undefined
  /** The caller heard that nothing took place. */
  refused: boolean
}

/** What a reader got: `began` is from before he asked. */
export interface Seen {
  readonly record: string
  readonly value: string | null
  readonly began: number
}

/** What became of the increments of one counter. */
export interface Counted {
  /** Whose caller heard that they are done. */
  done: number
  /** Whose caller heard nothing, or that nobody knows. */
  unknown: number
}

/**
 * - `lost`: a confirmed write is not there at the end, and nothing that came after it is.
 * - `duplicated`: what was written once is there twice.
 * - `invented`: a value that nobody wrote, or whose writer heard that nothing took place.
 * - `resurrected`: a value that a confirmed delete had ended.
 * - `stale`: a reader got what a confirmed write had replaced before he asked.
 * - `reordered`: what was confirmed before another began stands behind it.
 */
export type Kind = 'lost' | 'duplicated' | 'invented' | 'resurrected' | 'stale' | 'reordered'

export interface Anomaly {
  readonly kind: Kind
  /** For people. */
  readonly what: string
}

/**
 * What is wrong with what was seen of some records, at any time (`seen`) and at the end, in the style of Elle: every value is unique, so the
 * history alone tells what may be there, whatever order the system gave to writes that overlapped. Pure. An empty list is what it has to be.
 */
export function anomalies(
  writes: readonly Written[],
  seen: readonly Seen[],
  end: ReadonlyMap<string, string | null>,
): readonly Anomaly[] {
  const byRecord = grouped(writes, (it) => it.record)
  const final = [...byRecord.keys()].map((record) => ({
    record,
    value: end.get(record) ?? null,
    began: Number.POSITIVE_INFINITY,
  }))
  const judge = (it: Seen, when: 'read' | 'end') => judged(byRecord.get(it.record) ?? [], it, when) ?? []
  return [...seen.flatMap((it) => judge(it, 'read')), ...final.flatMap((it) => judge(it, 'end'))]
}

type Maker = Written | 'nothing'

function judged(writes: readonly Written[], seen: Seen, when: 'read' | 'end'): Anomaly | undefined {
  const { record, value } = seen
  const makers: Maker[] = writes.filter((it) => it.value === value && !it.refused)
  // At first there was nothing.
  if (value === null) makers.push('nothing')
  if (makers.length === 0)
    return {
      kind: 'invented',
      what: `${when}: ${record} has ${value}, which nobody wrote, or which was refused`,
    }
  const replaced = makers.map((maker) => writes.filter((it) => isBetween(maker, it, seen)))
  // Deletes are many and look alike: if any of them may be the last, it is.
  if (replaced.some((it) => it.length === 0)) return undefined
  const by = replaced[0]!
  const deleted = value !== null && by.find((it) => it.value === null)
  const kind = deleted ? 'resurrected' : when === 'read' ? 'stale' : 'lost'
  const last = deleted || by.at(-1)!
  return {
    kind,
    what: `${when}: ${record} has ${value ?? 'nothing'}, but ${last.value ?? 'a delete'} was confirmed later`,
  }
}

/** Was this write confirmed after its maker's was, and before anybody looked? */
const isBetween = (maker: Maker, it: Written, { began }: Seen): boolean =>
  it !== maker &&
  it.ended !== undefined &&
  it.ended < began &&
  (maker === 'nothing' || (maker.ended !== undefined && maker.ended < it.began))

/** What is wrong with a list that was only ever appended to, each time with a value of its own: `items` is what it holds at the end. */
export function listAnomalies(appends: readonly Written[], items: readonly string[]): readonly Anomaly[] {
  const found: Anomaly[] = []
  const place = new Map(items.map((it, at) => [it, at]))
  for (const [item, all] of grouped(items, (it) => it)) {
    if (all.length > 1) found.push({ kind: 'duplicated', what: `${item} is there ${all.length} times` })
    if (!appends.some((it) => it.value === item && !it.refused))
      found.push({ kind: 'invented', what: `${item} is there, which nobody appended, or which was refused` })
  }
  const done = appends.filter((it) => it.ended !== undefined)
  for (const { value } of done)
    if (!place.has(value!)) found.push({ kind: 'lost', what: `${value}, which was confirmed, is not there` })
  for (const a of done)
    for (const b of appends)
      if (a.ended! < b.began && (place.get(a.value!) ?? -1) > (place.get(b.value!) ?? items.length))
        found.push({
          kind: 'reordered',
          what: `${a.value} was confirmed before ${b.value} began, and stands behind it`,
        })
  return found
}

/** What is wrong with the total of a counter that was only ever incremented by one. */
export function counterAnomalies(
  name: string,
  { done, unknown }: Counted,
  total: number,
): readonly Anomaly[] {
  if (total < done)
    return [{ kind: 'lost', what: `${name} is ${total}, and ${done} increments were confirmed` }]
  if (total > done + unknown)
    return [{ kind: 'duplicated', what: `${name} is ${total}, and there were ${done + unknown} increments` }]
  return []
}

function grouped<T>(all: readonly T[], by: (it: T) => string): ReadonlyMap<string, readonly T[]> {
  const found = new Map<string, T[]>()
  for (const it of all) found.set(by(it), [...(found.get(by(it)) ?? []), it])
  return found
}
