import type { Answer, Question } from '../question.ts'
import { type Reply, ReplyError } from '../redis/resp.ts'
import { parseScore } from '../score.ts'
import type { Command } from './command.ts'
import { explain } from './explain.ts'
import { typesOf, unexpected } from './reader.ts'
import type { Store } from './store.ts'

/** Items of a list that are fetched at once. */
const STEP = 5000

/**
 * Answers what lookups ask: strings by MGET, many for one command; the rest one command a question. Membership depends on the type, which is
 * one more for each key. A list has no index: it is read once for all questions about it.
 */
export async function askAll(store: Store, questions: readonly Question[]): Promise<readonly Answer[]> {
  const answers = new Map<Question, Answer>()
  await askStrings(store, questions.filter(isGet), answers)
  const types = await typesByKey(store, questions.filter(isMember))
  const single: { readonly question: Question; readonly command: Command }[] = []
  const lists = new Map<string, Member[]>()
  for (const it of questions) {
    if (it.kind === 'hget') single.push({ question: it, command: ['HGET', it.key, it.item] })
    else if (it.kind === 'score') single.push({ question: it, command: ['ZSCORE', it.key, it.item] })
    else if (isMember(it)) {
      const type = types.get(idOf(it.key)) ?? 'none'
      const name = MEMBER[type]
      if (name !== undefined) single.push({ question: it, command: [name, it.key, it.item] })
      else if (type === 'none') answers.set(it, false)
      else if (type !== 'list') answers.set(it, { wrong: type })
      else lists.set(idOf(it.key), [...(lists.get(idOf(it.key)) ?? []), it])
    }
  }
  const replies = single.length === 0 ? [] : await store.client.pipeline(single.map(({ command }) => command))
  for (const [index, { question }] of single.entries())
    answers.set(question, answerOf(store, question, replies[index]!))
  for (const asked of lists.values()) await askList(store, asked, answers)
  return questions.map((it) => answers.get(it))
}

type Get = Question & { readonly kind: 'get' }
type Member = Question & { readonly kind: 'member' }
const isGet = (it: Question): it is Get => it.kind === 'get'
const isMember = (it: Question): it is Member => it.kind === 'member'

const MEMBER: Readonly<Record<string, string>> = { set: 'SISMEMBER', zset: 'ZSCORE', hash: 'HEXISTS' }

const idOf = (bytes: Buffer): string => bytes.toString('latin1')

// MGET says nothing of a key that holds another type, or nothing: only those are asked about once more.
async function askStrings(
  store: Store,
  questions: readonly Get[],
  answers: Map<Question, Answer>,
): Promise<void> {
  const open: Get[] = []
  for (let at = 0; at < questions.length; at += store.size.count) {
    const some = questions.slice(at, at + store.size.count)
    const [values] = await store.client.pipeline([['MGET', ...some.map(({ key }) => key)]])
    if (!Array.isArray(values) || values.length !== some.length)
      throw explain(store.label, values instanceof ReplyError ? values : unexpected())
    for (const [index, it] of some.entries()) {
      const value = values[index]
      if (Buffer.isBuffer(value)) answers.set(it, value)
      else open.push(it)
    }
  }
  const types = await typesOf(
    store,
    open.map(({ key }) => key),
  )
  for (const [index, it] of open.entries())
    answers.set(
      it,
      types[index] === 'none' || types[index] === 'string' ? undefined : { wrong: types[index]! },
    )
}

async function typesByKey(store: Store, questions: readonly Member[]): Promise<ReadonlyMap<string, string>> {
  const keys = new Map(questions.map(({ key }) => [idOf(key), key]))
  const types = await typesOf(store, [...keys.values()])
  return new Map([...keys.keys()].map((id, index) => [id, types[index]!]))
}

function answerOf({ label }: Store, { kind }: Question, reply: Reply): Answer {
  if (reply instanceof ReplyError) {
    // Whatever it is: the key holds something that cannot be asked this.
    if (reply.code === 'WRONGTYPE') return { wrong: 'another type' }
    throw explain(label, reply)
  }
  if (kind === 'member') return typeof reply === 'number' ? reply === 1 : reply !== null
  if (reply === null) return undefined
  if (kind !== 'score') {
    if (Buffer.isBuffer(reply)) return reply
    throw unexpected()
  }
  const score =
    typeof reply === 'number' ? reply : Buffer.isBuffer(reply) ? parseScore(idOf(reply)) : undefined
  if (score === undefined) throw unexpected()
  return score
}

async function askList(
  store: Store,
  questions: readonly Member[],
  answers: Map<Question, Answer>,
): Promise<void> {
  const { key } = questions[0]!
  const wanted = new Set(questions.map(({ item }) => idOf(item)))
  const found = new Set<string>()
  for (let from = 0; found.size < wanted.size; from += STEP) {
    const [items] = await store.client.pipeline([['LRANGE', key, String(from), String(from + STEP - 1)]])
    if (!Array.isArray(items)) throw explain(store.label, items instanceof ReplyError ? items : unexpected())
    for (const it of items as readonly Buffer[]) if (wanted.has(idOf(it))) found.add(idOf(it))
    if (items.length < STEP) break
  }
  for (const it of questions) answers.set(it, found.has(idOf(it.item)))
}
