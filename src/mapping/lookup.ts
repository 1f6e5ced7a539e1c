import { dateText } from '../calendar.ts'
import { KvmigError } from '../errors.ts'
import type { Expression } from '../plan/expression.ts'
import type { Lookup, Template } from '../plan/lookup.ts'
import type { Answer, OwnerQuestion, Question } from '../sources/question.ts'
import { CalendarDate, Decimal, RejectError, type Value } from '../value.ts'
import type { RecordScope } from './record.ts'
import { scoreText } from './score-text.ts'
import { readUtf8 } from './utf8.ts'

type Evaluate = (scope: RecordScope) => Value

/** Compiles a lookup. `compile` is for the expressions in it. A key or item of which a part is missing asks nothing: the answer is missing. */
export function compileLookup(lookup: Lookup, compile: (expression: Expression) => Evaluate): Evaluate {
  switch (lookup.kind) {
    case 'get': {
      const keyOf = compileTemplate(lookup.key, compile)
      return (scope) => {
        const key = keyOf(scope)
        return key && answerOf(scope, { kind: 'get', key })
      }
    }
    case 'first_of': {
      const itemOf = bytesFrom(compile(lookup.item))
      const places = lookup.places.map(({ word, key }) => ({ word, keyOf: compileTemplate(key, compile) }))
      return (scope) => {
        const item = itemOf(scope)
        if (!item) return undefined
        return places.find(({ keyOf }) => {
          const key = keyOf(scope)
          return key && answerOf(scope, { kind: 'member', key, item }) === true
        })?.word
      }
    }
    case 'owner': {
      const itemOf = bytesFrom(compile(lookup.item))
      return (scope) => {
        const item = itemOf(scope)
        return item && answerOf(scope, { kind: 'owner', pattern: lookup.pattern, item })
      }
    }
    default: {
      const { kind } = lookup
      const keyOf = compileTemplate(lookup.key, compile)
      const itemOf = bytesFrom(compile(lookup.item))
      return (scope) => {
        const [key, item] = [keyOf(scope), itemOf(scope)]
        return key && item && answerOf(scope, { kind, key, item })
      }
    }
  }
}

/** Asks, and gives what was answered: text, a score as a number, or a boolean. Throws UNANSWERED, or RejectError for what is no answer. */
export function answerOf(scope: RecordScope, question: Question | OwnerQuestion): Value {
  if (!scope.answers) throw withoutSource()
  const answer: Answer = scope.answers.of(question)
  if (answer === undefined || typeof answer === 'boolean') return answer
  if (typeof answer === 'number') return new Decimal(scoreText(answer))
  if (Buffer.isBuffer(answer)) return readUtf8(answer)
  if ('several' in answer)
    throw new RejectError('CONFLICT', 'Several keys have the item that owner() looks for.')
  throw new RejectError(
    'KEY_TYPE_MISMATCH',
    `${question.kind}() reads a ${READS[question.kind]}, and the key it names holds a ${answer.wrong}.`,
  )
}

/** Whoever maps an entry by itself, without the store it lies in. */
export const withoutSource = (): KvmigError =>
  new KvmigError('LOOKUP', 'The mapping asks other keys of the store, and there is no store to ask here.', {
    hint: 'Examples in the plan (kvmig test) have the other keys under beside:.',
  })

const READS: Readonly<Record<Question['kind'] | 'owner', string>> = {
  get: 'string',
  hget: 'hash',
  score: 'sorted set',
  member: 'set, sorted set, list or hash',
  owner: 'set, sorted set, list or hash',
}

function compileTemplate(
  key: Template,
  compile: (expression: Expression) => Evaluate,
): (scope: RecordScope) => Buffer | undefined {
  const parts = key.map((it) => (typeof it === 'string' ? Buffer.from(it) : bytesFrom(compile(it))))
  return (scope) => {
    const bytes: Buffer[] = []
    for (const part of parts) {
      const piece = Buffer.isBuffer(part) ? part : part(scope)
      if (piece === undefined) return undefined
      bytes.push(piece)
    }
    return Buffer.concat(bytes)
  }
}

const bytesFrom =
  (evaluate: Evaluate) =>
  (scope: RecordScope): Buffer | undefined =>
    lookupBytes(evaluate(scope))

/** What can stand in a key, as the bytes it is written with. Undefined for missing and null. */
export function lookupBytes(value: Value): Buffer | undefined {
  if (value === undefined || value === null) return undefined
  if (Buffer.isBuffer(value)) return value
  if (typeof value === 'string') return Buffer.from(value)
  if (value instanceof Decimal) return Buffer.from(value.text)
  if (typeof value === 'boolean') return Buffer.from(String(value))
  if (value instanceof CalendarDate) return Buffer.from(dateText(value.days))
  throw new RejectError(
    'TYPE_MISMATCH',
    'A lookup needs text or a number in its key, and found something else.',
  )
}
