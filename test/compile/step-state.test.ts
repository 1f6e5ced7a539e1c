import { describe, expect, test } from 'vitest'
import { compile } from '../../src/plan/compile.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { type DoneStep, type StandingOptions, standing } from '../../src/plan/step-state.ts'
import { doneSteps } from './done.ts'
import {
  at,
  fieldOf,
  indexOf,
  mappingOf,
  patternOf,
  planOf,
  projectOf,
  referenceOf,
  simplePlan,
  tableOf,
} from './project.ts'

const table = tableOf(
  'messages',
  { id: 'serial', user_id: 'text' },
  { indexes: [indexOf('idx', ['id'])], references: [referenceOf('user_id', 'users')] },
)
const first = mappingOf('messages', { fields: [fieldOf('id')] })
const second = mappingOf('messages', { name: 'messages.2', match: patternOf('n:{id}') })
const messages = planOf('messages', { tables: [table], rules: [first, second] })
const users = simplePlan('users')
const replies = simplePlan('replies', ['messages'])
const all = [messages, users, replies]
const graphOf = (...plans: readonly Plan[]) => compile(projectOf(plans)).graph
const graph = graphOf(...all)

const look = (now: typeof graph, options: Partial<StandingOptions<DoneStep>> = {}) =>
  standing({
    graph: now,
    records: doneSteps(graph),
    plans: new Set(all.map((it) => it.name)),
    whole: true,
    tracked: () => true,
    ...options,
  })

/** What is not simply done, gates apart, in a line each. */
const left = (now: typeof graph, options: Partial<StandingOptions<DoneStep>> = {}) =>
  [...look(now, options).states].flatMap(([id, it]) => {
    if (it.state === 'done' || id.includes('/gate/')) return []
    return [
      it.state === 'again' && it.because ? `${id}: again because of ${it.because}` : `${id}: ${it.state}`,
    ]
  })

const undone = (now: typeof graph, options: Partial<StandingOptions<DoneStep>> = {}) =>
  look(now, options).undo.map((it) => it.id)

describe('the state of a step', () => {
  test('is pending where nothing was done, and of a gate always', () => {
    const states = [...look(graph, { records: new Map() }).states.values()]
    expect(new Set(states.map(({ state }) => state))).toEqual(new Set(['pending']))
    expect(left(graph)).toEqual([])
    expect(undone(graph)).toEqual([])
    expect(look(graph).states.get('messages/A/gate/B')).toEqual({ state: 'pending' })
  })

  test('is unfinished where it was begun or failed', () => {
    const records = doneSteps(graph, { 'messages/A/index/idx': 'failed', 'users/A/analyze/users': 'running' })
    expect(left(graph, { records })).toEqual([
      'users/A/analyze/users: unfinished',
      'messages/A/index/idx: unfinished',
    ])
    expect(undone(graph, { records })).toEqual([])
  })
})

describe('an edited mapping', () => {
  const edited = { ...first, where: { cel: 'has(r.id)', at: at() } }
  const now = graphOf({ ...messages, rules: [edited, second] }, users, replies)
  const because = 'again because of messages/A/backfill/messages'

  test('is copied again, with what was computed from its rows and the foreign keys around them', () => {
    expect(left(now)).toEqual([
      'messages/A/backfill/messages: changed',
      `messages/A/sequence/messages.id: ${because}`,
      `messages/A/index/idx: ${because}`,
      `messages/A/analyze/messages: ${because}`,
      `messages/A/foreign_key/messages_user_id_fkey: ${because}`,
      'messages/A/validate/messages_user_id_fkey: again because of messages/A/foreign_key/messages_user_id_fkey',
      `replies/A/foreign_key/replies_messages_id_fkey: ${because}`,
      'replies/A/validate/replies_messages_id_fkey: again because of replies/A/foreign_key/replies_messages_id_fkey',
    ])
  })

  test('is taken back after what stands on it', () => {
    expect(undone(now)).toEqual([
      'replies/A/foreign_key/replies_messages_id_fkey',
      'messages/A/foreign_key/messages_user_id_fkey',
      'messages/A/index/idx',
      'messages/A/backfill/messages',
    ])
  })

  test('that was not done yet is taken back too: some of its rows may be there', () => {
    const records = doneSteps(graph, { 'messages/A/backfill/messages': 'running' })
    expect(undone(now, { records })).toContain('messages/A/backfill/messages')
  })
})

describe('a mapping', () => {
  test('that is new takes no other copy along, but what is computed from rows', () => {
    const third = mappingOf('messages', { name: 'messages.3', match: patternOf('o:{id}') })
    const now = graphOf({ ...messages, rules: [first, second, third] }, users, replies)
    expect(left(now).map((it) => it.split('/')[2])).toEqual([
      'backfill',
      'sequence',
      'analyze',
      'foreign_key',
      'validate',
      'foreign_key',
      'validate',
    ])
    expect(undone(now).map((it) => it.split('/')[2])).toEqual(['foreign_key', 'foreign_key'])
  })

  test('that is gone is taken back', () => {
    const now = graphOf({ ...messages, rules: [first] }, users, replies)
    expect(undone(now)).toContain('messages/A/backfill/messages.2')
    expect(look(now).removed).toEqual(['messages/A/backfill/messages.2'])
    expect(left(now)).not.toContain('messages/A/backfill/messages: again')
  })

  test('that is alone now and was not before is copied again: what gave way to the other comes back', () => {
    const records = new Map(
      [...doneSteps(graph)].map(([id, it]) => [
        id,
        { ...it, definition: { ...it.definition, tracked: true } },
      ]),
    )
    const now = graphOf({ ...messages, rules: [first] }, users, replies)
    expect(left(now, { records, tracked: () => false })).toContain('messages/A/backfill/messages: again')
    expect(undone(now, { records, tracked: () => false })).not.toContain('messages/A/backfill/messages')
  })

  test('of a table that the application owns goes before the rows that its own refer to', () => {
    const owned = (plan: Plan): Plan => ({
      ...plan,
      tables: plan.tables.map((it) => ({ ...it, owner: 'schema' as const })),
    })
    const [parents, children] = [owned(users), owned(simplePlan('posts', ['users']))]
    const before = graphOf(parents, children)
    const edited = parents.rules.map((rule) => ({ ...rule, where: { cel: 'has(r.id)', at: at() } }))
    const now = graphOf({ ...parents, rules: edited }, children)
    const options = { records: doneSteps(before), plans: new Set(['users', 'posts']) }
    expect(undone(now, options)).toEqual(['posts/A/backfill/posts', 'users/A/backfill/users'])
  })
})

describe('copying again', () => {
  test('takes nothing back but foreign keys: orphans get another chance', () => {
    expect(undone(graph, { again: true })).toEqual([
      'replies/A/foreign_key/replies_messages_id_fkey',
      'messages/A/foreign_key/messages_user_id_fkey',
    ])
    expect(left(graph, { again: true })).toContain('messages/A/backfill/messages: again')
    expect(left(graph, { again: true })).not.toContain('messages/A/index/idx: again')
  })
})

describe('an edited', () => {
  const withTable = (more: Partial<typeof table>) =>
    graphOf({ ...messages, tables: [{ ...table, ...more }] }, users, replies)

  test('index is made again, and nothing else', () => {
    expect(left(withTable({ indexes: [indexOf('idx', ['user_id'])] }))).toEqual([
      'messages/A/index/idx: changed',
    ])
  })

  test('reference is made and validated again, and so are those that refer to rows it may take out', () => {
    const now = withTable({ references: [referenceOf('user_id', 'users', { onDelete: 'cascade' })] })
    expect(left(now).map((it) => it.split(' because')[0])).toEqual([
      'messages/A/foreign_key/messages_user_id_fkey: changed',
      'messages/A/validate/messages_user_id_fkey: again',
      'replies/A/foreign_key/replies_messages_id_fkey: again',
      'replies/A/validate/replies_messages_id_fkey: again',
    ])
  })

  test('reference that is gone gives back what it took out', () => {
    expect(left(withTable({ references: [] }))).toContain(
      'messages/A/backfill/messages: again because of messages/A/foreign_key/messages_user_id_fkey',
    )
  })

  test('table takes everything about it along, and of other tables what refers to it', () => {
    const now = withTable({ checks: ['id > 0'] })
    const lines = left(now)
    expect(lines[0]).toBe('messages/A/table/messages: changed')
    expect(lines.map((it) => it.split('/')[2])).toEqual([
      'table',
      'backfill',
      'backfill',
      'sequence',
      'index',
      'analyze',
      'foreign_key',
      'validate',
      'foreign_key',
      'validate',
    ])
    expect(undone(now).at(-1)).toBe('messages/A/table/messages')
    expect(undone(now)).not.toContain('users/A/backfill/users')
  })
})

describe('a plan that went away', () => {
  test('is left as it is, because its name was not asked for', () => {
    const now = graphOf(users, replies)
    expect(look(now, { plans: new Set(['users', 'replies']) }).removed).toEqual([])
  })
})
