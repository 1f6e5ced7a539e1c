import { describe, expect, test } from 'vitest'
import { compile } from '../../src/plan/compile.ts'
import { fingerprints } from '../../src/plan/fingerprint.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { type DoneStep, removedSteps, stepStates } from '../../src/plan/step-state.ts'
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
const graphOf = (...plans: readonly Plan[]) => compile(projectOf(plans)).graph
const graph = graphOf(messages, users)

const allDone = (states: Readonly<Record<string, DoneStep['state']>> = {}): ReadonlyMap<string, DoneStep> =>
  new Map(
    [...fingerprints(graph)].map(([id, fingerprint]) => [id, { fingerprint, state: states[id] ?? 'done' }]),
  )

/** What is not simply done, gates apart: `id: state`, or `id: again because of …`. */
const left = (now: typeof graph, done = allDone()) =>
  [...stepStates(now, done)].flatMap(([id, it]) => {
    if (it.state === 'done' || id.includes('/gate/')) return []
    return [it.state === 'again' ? `${id}: again because of ${it.because}` : `${id}: ${it.state}`]
  })

describe('the state of a step', () => {
  test('is pending where nothing was done, and of a gate always', () => {
    expect(new Set([...stepStates(graph, new Map()).values()].map(({ state }) => state))).toEqual(
      new Set(['pending']),
    )
    expect(left(graph)).toEqual([])
    expect(stepStates(graph, allDone()).get('messages/A/gate/B')).toEqual({ state: 'pending' })
  })

  test('is unfinished where it was begun or failed', () => {
    const done = allDone({ 'messages/A/index/idx': 'failed', 'users/A/analyze/users': 'running' })
    expect(left(graph, done)).toEqual([
      'users/A/analyze/users: unfinished',
      'messages/A/index/idx: unfinished',
    ])
  })

  test('an edited mapping is copied again, with what it could have decided', () => {
    const edited = { ...first, where: { cel: 'has(r.id)', at: at() } }
    expect(left(graphOf({ ...messages, rules: [edited, second] }, users))).toEqual([
      'messages/A/backfill/messages: changed',
      'messages/A/backfill/messages.2: again because of messages/A/backfill/messages',
      'messages/A/sequence/messages.id: again because of messages/A/backfill/messages',
      'messages/A/analyze/messages: again because of messages/A/backfill/messages',
    ])
  })

  test('the last mapping into a table takes no other copy along', () => {
    const edited = { ...second, where: { cel: 'has(r.id)', at: at() } }
    expect(left(graphOf({ ...messages, rules: [first, edited] }, users))).toEqual([
      'messages/A/backfill/messages.2: changed',
      'messages/A/sequence/messages.id: again because of messages/A/backfill/messages.2',
      'messages/A/analyze/messages: again because of messages/A/backfill/messages.2',
    ])
  })

  test('an edited index is made again, and nothing else', () => {
    const edited = { ...table, indexes: [indexOf('idx', ['user_id'])] }
    expect(left(graphOf({ ...messages, tables: [edited] }, users))).toEqual(['messages/A/index/idx: changed'])
  })

  test('an edited reference is validated again', () => {
    const edited = { ...table, references: [referenceOf('user_id', 'users', { onDelete: 'cascade' })] }
    expect(left(graphOf({ ...messages, tables: [edited] }, users))).toEqual([
      'messages/A/foreign_key/messages_user_id_fkey: changed',
      'messages/A/validate/messages_user_id_fkey: again because of messages/A/foreign_key/messages_user_id_fkey',
    ])
  })

  test('an edited table takes everything about it along, and no other table', () => {
    const edited = { ...table, checks: ['id > 0'] }
    const lines = left(graphOf({ ...messages, tables: [edited] }, users))
    expect(lines[0]).toBe('messages/A/table/messages: changed')
    expect(lines.slice(1).every((it) => it.endsWith(': again because of messages/A/table/messages'))).toBe(
      true,
    )
    expect(lines.map((it) => it.split('/')[2])).toEqual([
      'table',
      'backfill',
      'backfill',
      'sequence',
      'index',
      'analyze',
      'foreign_key',
      'validate',
    ])
  })

  test('a plan that went away leaves its steps behind', () => {
    expect(removedSteps(graphOf(users), allDone())).toContain('messages/A/table/messages')
    expect(removedSteps(graph, allDone())).toEqual([])
  })
})
