import { elements } from '../part.ts'
import type { Entry, EntryValue } from '../source.ts'
import { explain } from './explain.ts'
import { type Reply, ReplyError, Request } from './resp.ts'
import { isSettled, snapshot } from './snapshot.ts'
import type { Store } from './store.ts'
import { fitting, readValue } from './value.ts'

type Hash = Extract<EntryValue, { type: 'hash' }>

/**
 * Entries that were just read whole, with the expiries of the fields of hashes where a server has such (Redis 7.4, Valkey 9): a hash that
 * has any is read once more, its fields and their expiries at one instant. `again`: keys that are something else by now.
 */
export async function withFieldExpiries(
  store: Store,
  entries: readonly Entry[],
): Promise<{ readonly entries: readonly Entry[]; readonly again: readonly Buffer[] }> {
  const hashes = entries.filter(isHash)
  if (hashes.length === 0 || !(await mayExpire(store))) return { entries, again: [] }
  const expiries = await ask(store, hashes)
  const again: Buffer[] = []
  const timed = new Map<Entry, Entry | undefined>()
  for (const [index, entry] of hashes.entries()) {
    if (expiries[index]!.every((it) => it === NONE)) continue
    const whole = await readTimed(store, entry)
    timed.set(entry, whole)
    if (!whole) again.push(entry.key)
  }
  return { entries: entries.flatMap((it) => (timed.has(it) ? (timed.get(it) ?? []) : [it])), again }
}

/** Some fields of a big hash, with their expiries of a moment later; those that expired in between are left out. */
export async function partWithFieldExpiries(store: Store, key: Buffer, value: Hash): Promise<Hash> {
  if (elements(value) === 0 || !(await mayExpire(store))) return value
  const [expiries = []] = await ask(store, [{ key, value }])
  return expiries.every((it) => it === NONE) ? value : timedValue(value, expiries)
}

/** What HPEXPIRETIME says of a field: it has no expiry, or there is no such field. */
const NONE = -1
const GONE = -2
/** After so many changes between two readings a hash counts as something else, and is read by itself. */
const ATTEMPTS = 10

const isHash = (entry: Entry): entry is Entry & { value: Hash } =>
  entry.value?.type === 'hash' && elements(entry.value) > 0

// INFO counts the keys with such fields (Redis: subexpiry, Valkey: keys_with_volatile_items). It is asked after the reading: what it does
// not count has no expiry by then, and had none that anybody would miss. Providers that leave it out may have such fields all the same.
async function mayExpire({ connection, database, habits }: Store): Promise<boolean> {
  if (habits.fieldExpiry !== 'told') return habits.fieldExpiry === 'untold'
  const [info] = await connection.ask(new Request().add('INFO', 'keyspace'))
  const text = Buffer.isBuffer(info) ? info.toString('latin1') : ''
  if (/(subexpiry|keys_with_volatile_items)=/.test(text)) {
    const line = new RegExp(`^db${database}:(.*)$`, 'm').exec(text)?.[1] ?? ''
    return !/(^|,)(subexpiry|keys_with_volatile_items)=0(,|\s*$)/.test(line)
  }
  const [command] = await connection.ask(new Request().add('COMMAND', 'INFO', 'HPEXPIRETIME'))
  const isUnknown = Array.isArray(command) && command[0] === null
  habits.fieldExpiry = isUnknown ? 'none' : 'untold'
  return !isUnknown
}

// For each hash the expiry of each field.
async function ask(
  { connection, label, habits }: Store,
  hashes: readonly { readonly key: Buffer; readonly value: Hash }[],
): Promise<number[][]> {
  const request = new Request()
  for (const { key, value } of hashes) addExpiries(request, key, namesOf(value))
  const replies = await connection.ask(request)
  return replies.map((reply, index) => {
    const names = namesOf(hashes[index]!.value)
    if (reply instanceof ReplyError && /unknown command/i.test(reply.text)) {
      habits.fieldExpiry = 'none'
      return names.map(() => NONE)
    }
    return readExpiries(label, reply, names.length)
  })
}

function addExpiries(request: Request, key: Buffer, names: readonly Buffer[]): void {
  request.addMany('HPEXPIRETIME', [key, Buffer.from('FIELDS'), Buffer.from(String(names.length)), ...names])
}

// Nothing, for a key that is gone; WRONGTYPE, for one that is no hash any more.
function readExpiries(label: string, reply: Reply | undefined, count: number): number[] {
  const fits = fitting(label, reply)
  if (fits === undefined || fits === null) return new Array(count).fill(GONE)
  if (!Array.isArray(fits) || fits.length !== count || !fits.every((it) => typeof it === 'number'))
    throw explain(label, new ReplyError('ERR another reply to HPEXPIRETIME than there should be'))
  return fits as number[]
}

async function readTimed(store: Store, entry: Entry & { value: Hash }): Promise<Entry | undefined> {
  const { key } = entry
  let names = namesOf(entry.value)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { replies, expiries } = await snapshot(store, [key], (request) => {
      request.add('HGETALL', key)
      addExpiries(request, key, names)
    })
    const [pairs, times] = replies
    const found = fitting(store.label, pairs)
    const expiresAt = expiries[0]
    if (expiresAt === 'unclear') continue
    if (found === undefined || !isSettled(expiresAt)) return undefined
    const value = readValue('hash', found) as Hash
    if (elements(value) === 0) return undefined
    const here = namesOf(value)
    if (sameNames(here, names))
      return {
        ...entry,
        expiresAt,
        value: timedValue(value, readExpiries(store.label, times, names.length)),
      }
    names = here
  }
  return undefined
}

function timedValue({ pairs }: Hash, times: readonly number[]): Hash {
  const isThere = (index: number): boolean => times[index] !== GONE
  return {
    type: 'hash',
    pairs: pairs.filter((_, at) => isThere(at >> 1)),
    expiries: times.filter((it) => it !== GONE).map((it) => (it === NONE ? null : it)),
  }
}

const namesOf = ({ pairs }: Hash): readonly Buffer[] => pairs.filter((_, at) => at % 2 === 0)

const sameNames = (a: readonly Buffer[], b: readonly Buffer[]): boolean =>
  a.length === b.length && a.every((it, index) => it.equals(b[index]!))
