import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { Io } from '../../src/cli/io.ts'
import { createProgress } from '../../src/cli/progress.ts'
import type { Outcome } from '../../src/executors/executor.ts'
import type { Step } from '../../src/plan/step.ts'
import type { AppliedStep } from '../../src/runner/apply.ts'

const step = (plan: string, kind: string, name: string): Step =>
  ({ id: `${plan}/A/${kind}/${name}`, plan, phase: 'A', kind }) as unknown as Step
const done = (counts: Record<string, number>): Outcome => ({ status: 'done', counts })
const describe = (it: Step) => ({
  symbol: '>' as const,
  verb: it.kind,
  subject: it.id.split('/')[3]!,
  detail: '',
})

function watch({ isTerminal }: { isTerminal: boolean }) {
  const written: string[] = []
  const clock = { now: 0 }
  const io = {
    stderr: { write: (text: string) => written.push(text), isTTY: isTerminal, columns: 100 },
    signal: new AbortController().signal,
    now: () => clock.now,
    isTerminal,
  } as unknown as Io
  return { io, clock, text: () => stripVTControlCharacters(written.join('')) }
}

const copy = step('users', 'backfill', 'users')
const table = step('users', 'table', 'users')
const gate = step('users', 'gate', 'B')

test('without a terminal tells each thing that happened, and reminds of what takes long', async () => {
  const { io, clock, text } = watch({ isTerminal: false })
  const { listener, finish } = await createProgress({ io, quiet: false, plans: ['users', 'posts'], describe })
  listener({ kind: 'undone', step: 'users/A/index/old' })
  listener({ kind: 'started', step: table })
  listener({ kind: 'finished', step: table, outcome: done({ tables: 1 }), millis: 12 })
  listener({ kind: 'started', step: copy })
  for (const [now, inserted] of [
    [4_000, 1_000],
    [11_000, 20_000],
    [12_000, 21_000],
    [22_000, 40_000],
  ] as const) {
    clock.now = now
    const reached = inserted / 80_000
    listener({ kind: 'progress', step: copy.id, counts: { inserted, rejected: 2 }, reached })
  }
  listener({
    kind: 'finished',
    step: copy,
    outcome: done({ inserted: 1_203_000, rejected: 2 }),
    millis: 65_000,
  })
  listener({ kind: 'note', message: 'The server says \u001b[31mhello' })
  await finish([
    { step: gate, status: 'skipped' },
    { step: step('posts', 'table', 'posts'), status: 'failed', error: new Error('secret') },
  ] as unknown as AppliedStep[])
  expect(text()).toMatchInlineSnapshot(`
    "users    index old: taken back
    users    table users: created (12 ms)
    users    backfill users: 20,000 inserted, 2 rejected so far, 25%, about 30 s left
    users    backfill users: 40,000 inserted, 2 rejected so far, 50%, about 20 s left
    users    backfill users: 1,203,000 inserted, 2 rejected (1 min 5 s)
    The server says \\u001b[31mhello
    users    gate B: skipped
    posts    table posts: failed
    "
  `)
})

test('on a terminal draws a line for each plan, which ends as its summary', async () => {
  const { io, text } = watch({ isTerminal: true })
  const { listener, finish } = await createProgress({
    io,
    quiet: false,
    plans: ['users', 'posts', 'likes'],
    describe,
  })
  listener({ kind: 'started', step: copy })
  listener({ kind: 'progress', step: copy.id, counts: { inserted: 400 } })
  listener({ kind: 'finished', step: copy, outcome: done({ inserted: 1_203, rejected: 2 }), millis: 1_500 })
  listener({ kind: 'finished', step: gate, outcome: { status: 'opened', findings: [] }, millis: 500 })
  const failed = step('posts', 'table', 'posts')
  listener({ kind: 'started', step: failed })
  await finish([{ step: failed, status: 'failed', error: new Error('secret') }] as unknown as AppliedStep[])
  const last = text().trimEnd().split('\n').slice(-3)
  expect(last.map((it) => it.trimEnd())).toEqual([
    expect.stringMatching(/^\S users {2}2 steps, 1,203 inserted, 2 rejected, gate open, 2\.0 s$/),
    expect.stringMatching(/^\S posts {2}failed$/),
    expect.stringMatching(/^\S likes {2}nothing to do$/),
  ])
  expect(text()).not.toContain('secret')
})

test('can be over before it was drawn', async () => {
  const { io } = watch({ isTerminal: true })
  const { finish } = await createProgress({ io, quiet: false, plans: ['users'], describe })
  await finish()
})

test('says nothing where it is told to be quiet', async () => {
  const { io, text } = watch({ isTerminal: true })
  const { listener, finish } = await createProgress({ io, quiet: true, plans: ['users'], describe })
  listener({ kind: 'started', step: copy })
  await finish()
  expect(text()).toBe('')
})
