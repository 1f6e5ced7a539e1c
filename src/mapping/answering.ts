import type { StoreEditor } from '../sources/editor.ts'
import type { Answers, Question } from '../sources/question.ts'
import { type Answer, type OwnerQuestion, questionId, UNANSWERED } from '../sources/question.ts'
import type { Cursor, Entry, Page, Selection, Source } from '../sources/source.ts'
import { Held } from './held.ts'
import type { CompiledMapping, Router } from './mapping.ts'
import { Owners } from './owners.ts'

/**
 * A source whose entries come with the answers to what their mappings ask of other keys. A page at a time: its questions are gathered,
 * asked together, and asked again as long as answers lead to further questions. Where no mapping asks anything it is the source itself.
 */
export function answering(source: Source, router: Router, now: () => number): Source {
  return router.lookups.length === 0 ? source : new AnsweringSource(source, router, now)
}

class AnsweringSource implements Source {
  readonly label: string
  readonly warnings: readonly string[]
  readonly count?: () => Promise<number>
  readonly reached?: (cursor: Cursor) => number
  readonly clocks?: () => Promise<readonly number[]>
  readonly calls?: () => Promise<ReadonlyMap<string, number>>
  readonly edit?: () => Promise<StoreEditor>
  // Not goesOn: a record that has not changed may look up one that has.
  readonly #source: Source
  readonly #router: Router
  readonly #now: () => number

  constructor(source: Source, router: Router, now: () => number) {
    this.label = source.label
    this.#source = source
    this.#router = router
    this.#now = now
    this.warnings = source.warnings ?? []
    if (source.count) this.count = () => source.count!()
    if (source.reached) this.reached = (cursor) => source.reached!(cursor)
    if (source.clocks) this.clocks = () => source.clocks!()
    if (source.calls) this.calls = () => source.calls!()
    if (source.edit) this.edit = () => source.edit!()
  }

  identity(): Promise<string> {
    return this.#source.identity()
  }

  scan(selection: Selection, from?: Cursor): AsyncIterable<Page> {
    return this.#answered(this.#source.scan(selection, from))
  }

  read(keys: readonly Buffer[]): AsyncIterable<Page> {
    return this.#answered(this.#source.read(keys))
  }

  commands(): number {
    return this.#source.commands()
  }

  close(): Promise<void> {
    return this.#source.close()
  }

  async *#answered(pages: AsyncIterable<Page>): AsyncGenerator<Page> {
    const oracle = new Oracle(this.#source, this.#router, this.#now)
    for await (const page of pages) yield { ...page, entries: await this.#answer(page.entries, oracle) }
  }

  async #answer(entries: readonly Entry[], oracle: Oracle): Promise<readonly Entry[]> {
    const asking = entries.map((entry) => ({ entry, mappings: this.#askersOf(entry) }))
    if (asking.every((it) => it.mappings.length === 0)) return entries
    const answers = new PageAnswers()
    const answered = asking.map(({ entry, mappings }) => ({
      mappings,
      entry: mappings.length > 0 ? { ...entry, answers } : entry,
    }))
    for (;;) {
      for (const { entry, mappings } of answered) for (const it of mappings) it.ask!(entry)
      const questions = answers.open()
      if (questions.length === 0) return answered.map((it) => it.entry)
      answers.learn(questions, await oracle.ask(questions))
    }
  }

  #askersOf(entry: Entry): readonly CompiledMapping[] {
    if (!entry.value) return []
    return this.#router
      .route(entry.key, entry.type)
      .flatMap((it) => (it.kind === 'mappings' ? it.mappings.filter((mapping) => mapping.ask) : []))
  }
}

/** What is known of the questions of one page. */
class PageAnswers implements Answers {
  readonly #known = new Map<string, Answer>()
  readonly #open = new Map<string, Question | OwnerQuestion>()

  of(question: Question | OwnerQuestion): Answer {
    const id = questionId(question)
    if (this.#known.has(id)) return this.#known.get(id)
    this.#open.set(id, question)
    throw UNANSWERED
  }

  open(): readonly (Question | OwnerQuestion)[] {
    return [...this.#open.values()]
  }

  learn(questions: readonly (Question | OwnerQuestion)[], answers: readonly Answer[]): void {
    for (const [place, it] of questions.entries()) this.#known.set(questionId(it), answers[place])
    this.#open.clear()
  }
}

/** Asks a source, for as long as one scan lasts: what it has to hold for that is of that scan. */
class Oracle {
  readonly #source: Source
  readonly #held: Held | undefined
  readonly #owners: Owners

  constructor(source: Source, router: Router, now: () => number) {
    this.#source = source
    this.#held = source.ask ? undefined : new Held(source, router.lookups, now)
    this.#owners = new Owners(source, now)
  }

  async ask(questions: readonly (Question | OwnerQuestion)[]): Promise<readonly Answer[]> {
    const plain = questions.filter((it) => it.kind !== 'owner')
    const answers = plain.length === 0 ? [] : await (this.#held ?? this.#source).ask!(plain)
    const byQuestion = new Map<Question | OwnerQuestion, Answer>(
      plain.map((it, place) => [it, answers[place]]),
    )
    for (const it of questions) if (it.kind === 'owner') byQuestion.set(it, await this.#owners.of(it))
    return questions.map((it) => byQuestion.get(it))
  }
}
