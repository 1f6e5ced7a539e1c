/** A write of a record as its caller saw it. Times count events; every value is unique. */
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

export interface Seen {
  readonly record: string
  readonly value: string | null
  readonly began: number
}

/** What happened to some records, and what is wrong with what was seen of them (in the style of Elle: the history judges, not a replica). */
export class History {
  readonly writes: Written[] = []
  readonly #seen: Seen[] = []
  #time = 0

  /** `began`: the time, where it is measured elsewhere; then all of them are. */
  begin(record: string, value: string | null, began = this.#tick()): Written {
    const write: Written = { record, value, began, ended: undefined, refused: false }
    this.writes.push(write)
    return write
  }

  done(write: Written): void {
    write.ended = this.#tick()
  }

  /** A read: `began` is `now()` from before it. */
  saw(seen: Seen): void {
    this.#seen.push(seen)
  }

  now(): number {
    return this.#tick()
  }

  /** Every read, and the end, against the history. An empty list is what it has to be. */
  violations(end: ReadonlyMap<string, string | null>): readonly string[] {
    const records = new Set(this.writes.map((it) => it.record))
    const now = Number.POSITIVE_INFINITY
    const final = [...records].map((record) => ({ record, value: end.get(record) ?? null, began: now }))
    return [
      ...this.#seen.flatMap((it) => this.#judge(it, 'read') ?? []),
      ...final.flatMap((it) => this.#judge(it, 'end') ?? []),
    ]
  }

  #judge({ record, value, began }: Seen, when: 'read' | 'end'): string | undefined {
    const writes = this.writes.filter((it) => it.record === record)
    // At first there was nothing.
    const makers: (Written | 'nothing')[] = writes.filter((it) => it.value === value && !it.refused)
    if (value === null) makers.push('nothing')
    if (makers.length === 0)
      return `${when}: ${record} has ${value}, which nobody wrote, or which was refused`
    const later = (maker: Written | 'nothing') =>
      writes.find(
        (it) =>
          it !== maker &&
          it.ended !== undefined &&
          it.ended < began &&
          (maker === 'nothing' || (maker.ended !== undefined && maker.ended < it.began)),
      )
    const lost = makers.map(later)
    if (lost.some((it) => it === undefined)) return undefined
    return `${when}: ${record} has ${value}, but ${lost[0]!.value ?? 'a delete'} was confirmed later`
  }

  #tick(): number {
    this.#time += 1
    return this.#time
  }
}
