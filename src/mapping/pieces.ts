import type { ChunkKey } from '../plan/chunks.ts'
import { type Question, UNANSWERED } from '../sources/question.ts'
import { RejectError } from '../value.ts'
import { lookupBytes, withoutSource } from './lookup.ts'
import type { RecordScope } from './record.ts'

/** Pieces that are asked for together: nobody knows beforehand how many there are. */
const TOGETHER = 16
const MOST_BYTES = 64 * 1024 * 1024

/** Puts a value that was cut into pieces together: the bytes of the first, then the others until one is missing. */
export function compilePieces(
  chunks: ChunkKey,
  captures: readonly string[],
): (scope: RecordScope, first: Buffer) => Buffer {
  const keyOf = (scope: RecordScope, place: number): Buffer =>
    Buffer.concat(
      chunks.map((it) => {
        if ('text' in it) return Buffer.from(it.text)
        if (it.hole === 'i') return Buffer.from(String(place))
        return it.hole === 'key' ? scope.key : lookupBytes(scope.captures[captures.indexOf(it.hole)])!
      }),
    )
  return (scope, first) => {
    const { answers } = scope
    if (!answers) throw withoutSource()
    const pieces = [first]
    for (let length = first.length; ; ) {
      const place = pieces.length
      const ask = (at: number) => answers.of({ kind: 'get', key: keyOf(scope, at) } satisfies Question)
      let answer: ReturnType<typeof ask>
      try {
        answer = ask(place)
      } catch (error) {
        if (error === UNANSWERED) for (let more = 1; more < TOGETHER; more++) quietly(() => ask(place + more))
        throw error
      }
      if (answer === undefined) return pieces.length === 1 ? first : Buffer.concat(pieces)
      if (!Buffer.isBuffer(answer))
        throw new RejectError('KEY_TYPE_MISMATCH', 'A piece of the value is no string.')
      length += answer.length
      if (length > MOST_BYTES)
        throw new RejectError('VALUE_TOO_LARGE', 'Put together, the value takes more than 64 MB.')
      pieces.push(answer)
    }
  }
}

function quietly(ask: () => unknown): void {
  try {
    ask()
  } catch (error) {
    if (error !== UNANSWERED) throw error
  }
}
