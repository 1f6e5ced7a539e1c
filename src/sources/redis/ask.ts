import { SourceError } from '../../errors.ts'
import type { Answer, Question } from '../question.ts'
import { parseScore } from '../score.ts'
import { explain } from './explain.ts'
import { type Reply, ReplyError, Request } from './resp.ts'
import type { Store } from './store.ts'

/** Commands that are sent before their replies are waited for. */
const TOGETHER = 1000
/** Items of a list that are fetched at once. */
const STEP = 10_000

/**
 * Answers what lookups ask. Everything is sent together: one command a question, and, where membership is asked, TYPE for each key, because
 * the command depends on it. A list has no index: it is read once for all questions about it.
 */
export async function askAll(store: Store, questions: readonly Question[]): Promise<readonly Answer[]> {
  const types = await typesOf(store, questions)
  const typeOf = (it: Question): string => types.get(idOf(it.key)) ?? ''
  const single = questions.filter((it) => it.kind !== 'member' || typeOf(it) in MEMBER)
  const replies = await sendAll(store, single, (request, it) => {
    if (it.kind === 'get') request.add('GET', it.key)
    else request.add(it.kind === 'member' ? MEMBER[typeOf(it)]! : COMMAND[it.kind], it.key, it.item)
  })
  const answers = new Map<Question, Answer>(
    single.map((it, place) => [it, answerOf(store, it, replies[place]!)]),
  )
  const inLists = new Map<string, (Question & { kind: 'member' })[]>()
  for (const it of questions) {
    if (it.kind !== 'member' || answers.has(it)) continue
    const type = typeOf(it)
    if (type === 'none') answers.set(it, false)
    else if (type !== 'list') answers.set(it, { wrong: type })
    else
      inLists.set(idOf(it.key), [...(inLists.get(idOf(it.key)) ?? []), it as Question & { kind: 'member' }])
  }
  for (const asked of inLists.values()) {
    const found = await findInList(store, asked[0]!.key, new Set(asked.map((it) => idOf(it.item))))
    for (const it of asked) answers.set(it, found.has(idOf(it.item)))
  }
  return questions.map((it) => answers.get(it))
}

const COMMAND = { hget: 'HGET', score: 'ZSCORE' } as const
const MEMBER: Readonly<Record<string, string>> = { set: 'SISMEMBER', zset: 'ZSCORE', hash: 'HEXISTS' }

const idOf = (bytes: Buffer): string => bytes.toString('latin1')

async function typesOf(store: Store, questions: readonly Question[]): Promise<ReadonlyMap<string, string>> {
  const keys = new Map(questions.flatMap((it) => (it.kind === 'member' ? [[idOf(it.key), it.key]] : [])))
  const replies = await sendAll(store, [...keys.values()], (request, key) => request.add('TYPE', key))
  return new Map(
    [...keys.keys()].map((id, place) => {
      const reply = replies[place]
      if (typeof reply === 'string') return [id, reply]
      throw explain(store.label, reply)
    }),
  )
}

function answerOf({ label }: Store, question: Question, reply: Reply): Answer {
  if (reply instanceof ReplyError) {
    // Whatever it is: the key holds something that cannot be asked this.
    if (reply.code === 'WRONGTYPE') return { wrong: 'another type' }
    throw explain(label, reply)
  }
  if (question.kind === 'member') return typeof reply === 'number' ? reply === 1 : reply !== null
  if (reply === null) return undefined
  if (!Buffer.isBuffer(reply)) throw unexpected()
  if (question.kind !== 'score') return reply
  const score = parseScore(idOf(reply))
  if (score === undefined) throw unexpected()
  return score
}

async function findInList(
  { connection, label }: Store,
  key: Buffer,
  wanted: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (let from = 0; found.size < wanted.size; from += STEP) {
    const request = new Request().add('LRANGE', key, String(from), String(from + STEP - 1))
    const [items] = await connection.ask(request)
    if (items instanceof ReplyError) throw explain(label, items)
    if (!Array.isArray(items)) throw unexpected()
    for (const it of items as readonly Buffer[]) if (wanted.has(idOf(it))) found.add(idOf(it))
    if (items.length < STEP) break
  }
  return found
}

async function sendAll<T>(
  { connection }: Store,
  items: readonly T[],
  add: (request: Request, item: T) => void,
): Promise<readonly Reply[]> {
  const replies: Reply[] = []
  for (let from = 0; from < items.length; from += TOGETHER) {
    const request = new Request()
    for (const it of items.slice(from, from + TOGETHER)) add(request, it)
    replies.push(...(await connection.ask(request)))
  }
  return replies
}

const unexpected = (): SourceError =>
  new SourceError('SOURCE_REPLY', 'Redis answered with another kind of reply than the command has.')
