import { KvmigError } from '../errors.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import type { Plan } from '../plan/plan.ts'
import { joined } from '../sources/part.ts'
import type { StoreWriter, WrittenEntry } from '../sources/writer.ts'
import { readOwnRows } from './own-rows.ts'
import type { Session } from './session.ts'
import { lossesOf } from './way-back.ts'

/** Which mappings write their entries again, from how many rows, and which cannot. */
export interface RebuildPlan {
  readonly mappings: readonly {
    readonly compiled: CompiledMapping
    readonly rows: number
    /** Rows of the table that did not come from this mapping. */
    readonly others: number
  }[]
  readonly left: readonly { readonly compiled: CompiledMapping; readonly why: readonly string[] }[]
}

/** What became of a mapping's rows. */
export interface Rebuilt {
  readonly compiled: CompiledMapping
  readonly rows: number
  /** Keys that were written. */
  readonly keys: number
  /** Keys that were there already, and were left as they are. */
  readonly kept: number
}

/** Decides what can be written again, and counts it. Reads the target only. */
export async function planRebuild(session: Session, plans: readonly Plan[]): Promise<RebuildPlan> {
  const mappings: RebuildPlan['mappings'][number][] = []
  const left: RebuildPlan['left'][number][] = []
  for (const plan of plans) {
    for (const rule of plan.rules) {
      if (rule.kind !== 'mapping') continue
      const compiled = session.compiled.mapping(plan.name, rule.name)
      const why = lossesOf(plan, compiled, session.compiled.writers(rule.into)).map((it) =>
        it.column === '*' ? it.why : `${it.column}: ${it.why}`,
      )
      if (why.length > 0) left.push({ compiled, why })
      else mappings.push({ compiled, ...(await readOwnRows(session, compiled).count()) })
    }
  }
  return { mappings, left }
}

/**
 * Writes the entries of every mapping, made again of its rows in the target: in the order of the plans, each mapping from one snapshot of
 * its table, about a thousand rows at a time. Keys that are there already are never touched.
 */
export async function rebuild({
  session,
  what,
  writer,
  progress = () => {},
}: {
  readonly session: Session
  readonly what: RebuildPlan
  readonly writer: StoreWriter
  readonly progress?: (rows: number) => void
}): Promise<readonly Rebuilt[]> {
  const done: Rebuilt[] = []
  let told = 0
  for (const { compiled } of what.mappings) {
    const inverse = (compiled.rewrite ?? compiled.inverse)!
    const keys = new Keys(writer)
    let rows = 0
    await readOwnRows(session, compiled).each(async (some, isFirst) => {
      if (isFirst && rows > 0) throw cutOff(writer.label)
      session.signal.throwIfAborted()
      await keys.write(some.map((row) => inverse([row])))
      rows += some.length
      told += some.length
      progress(told)
    })
    done.push({ compiled, rows, keys: keys.written, kept: keys.kept })
  }
  return done
}

/** Elements of a key come one after the other, so that only the last key has to be remembered. */
class Keys {
  readonly #writer: StoreWriter
  #current: Buffer | undefined
  #isKept = false
  written = 0
  kept = 0

  constructor(writer: StoreWriter) {
    this.#writer = writer
  }

  async write(entries: readonly WrittenEntry[]): Promise<void> {
    const firsts = entries.filter((it, index) => !sameKey(it.key, entries[index - 1]?.key ?? this.#current))
    const there = await this.#writer.exist(firsts.map((it) => it.key))
    const wanted: WrittenEntry[] = []
    let next = 0
    for (const entry of entries) {
      if (entry === firsts[next]) {
        this.#isKept = there[next]!
        this.#current = entry.key
        next += 1
        if (this.#isKept) this.kept += 1
        else this.written += 1
      }
      if (!this.#isKept) wanted.push(entry)
    }
    await this.#writer.write(together(wanted))
  }
}

// One command for many elements: stores bill by commands.
function together(entries: readonly WrittenEntry[]): readonly WrittenEntry[] {
  const whole: WrittenEntry[] = []
  for (const entry of entries) {
    const last = whole.at(-1)
    if (last?.value && entry.value && sameKey(entry.key, last.key) && isPlain(last) && isPlain(entry))
      whole[whole.length - 1] = { ...entry, value: joined(last.value, entry.value) }
    else whole.push(entry)
  }
  return whole
}

const isPlain = ({ value }: WrittenEntry): boolean => value?.type !== 'hash' || value.expiries === undefined

const sameKey = (a: Buffer, b: Buffer | undefined): boolean => b !== undefined && a.equals(b)

// A transaction that was cut off runs again from its beginning, and would write elements twice.
const cutOff = (label: string): KvmigError =>
  new KvmigError(
    'REBUILD_CUT',
    `The connection to the target was lost while ${label} was being written; it holds a part of the entries.`,
    { hint: 'Empty the store and begin again.' },
  )
