import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  readSavedPlan,
  type SavedPlan,
  savedPlanDigest,
  savePlan,
  staleness,
  targetDigest,
} from '../../src/plan/saved-plan.ts'
import type { DoneStep } from '../../src/plan/step-state.ts'

const saved: SavedPlan = {
  version: '0.1.0',
  nonce: 'n1',
  phase: 'A',
  plans: ['messages'],
  project: 'aaaa',
  files: { 'migrations.yaml': '01', 'plans/messages.yaml': '02' },
  target: 'bbbb',
  steps: [
    { id: 'messages/A/table/messages', fingerprint: 'f1' },
    { id: 'messages/A/gate/B', fingerprint: 'f2' },
  ],
}
const codes = (text: string) => {
  const read = readSavedPlan(text, 'plan.json')
  return 'diagnostics' in read ? read.diagnostics.map(({ code, message }) => `${code} ${message}`) : []
}

describe('a saved plan', () => {
  test('is read as it was written, with the digest that it is known by', () => {
    expect(readSavedPlan(savePlan(saved), 'plan.json')).toEqual({ saved, digest: savedPlanDigest(saved) })
    const staging = { ...saved, environment: 'staging' }
    expect(readSavedPlan(savePlan(staging), 'plan.json')).toEqual({
      saved: staging,
      digest: savedPlanDigest(staging),
    })
  })

  test('looks like this', () => {
    expect(savePlan({ ...saved, steps: saved.steps.slice(0, 1) })).toBe(
      `{
  "kvmig": "plan",
  "format": 1,
  "version": "0.1.0",
  "nonce": "n1",
  "phase": "A",
  "plans": [
    "messages"
  ],
  "project": "aaaa",
  "files": {
    "migrations.yaml": "01",
    "plans/messages.yaml": "02"
  },
  "target": "bbbb",
  "steps": [
    {
      "id": "messages/A/table/messages",
      "fingerprint": "f1"
    }
  ],
  "digest": "${savedPlanDigest({ ...saved, steps: saved.steps.slice(0, 1) })}"
}
`,
    )
  })

  test('is another one with another nonce', () => {
    expect(savedPlanDigest({ ...saved, nonce: 'n2' })).not.toBe(savedPlanDigest(saved))
  })

  test.each([
    ['not JSON', '{', 'KV150 This is not a saved plan.'],
    ['a list', '[]', 'KV150 This is not a saved plan.'],
    ['something else', '{"kvmig":"report"}', 'KV150 This is not a saved plan.'],
    [
      'of a later format',
      savePlan(saved).replace('"format": 1', '"format": 2'),
      'KV151 This plan was saved in format 2; this version reads format 1.',
    ],
    ['incomplete', savePlan(saved).replace('"target"', '"tarnet"'), 'KV150 This saved plan is incomplete.'],
    ['edited', savePlan(saved).replace('bbbb', 'cccc'), 'KV152 This saved plan was edited.'],
    [
      'edited by a line',
      savePlan(saved).replace('"nonce"', '"extra": 1,\n  "nonce"'),
      'KV152 This saved plan was edited.',
    ],
  ])('is refused if it is %s', (_, text, problem) => {
    expect(codes(text)).toEqual([problem])
  })

  test('never breaks the reader', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), (json, text) => {
        expect(codes(json)).toEqual(['KV150 This is not a saved plan.'])
        expect(codes(text)).toEqual(['KV150 This is not a saved plan.'])
      }),
    )
  })
})

describe('staleness', () => {
  test.each<[string, Partial<SavedPlan>, readonly string[]]>([
    ['nothing changed', {}, []],
    ['another version', { version: '0.2.0' }, ['It was saved by kvmig 0.1.0; this is 0.2.0.']],
    [
      'edited files',
      { project: 'x', files: { 'migrations.yaml': '99', 'plans/new.yaml': '03' } },
      ['migrations.yaml has changed.', 'plans/messages.yaml is gone.', 'plans/new.yaml is new.'],
    ],
    [
      'a comment was edited',
      { files: { ...saved.files, 'migrations.yaml': '99' } },
      ['migrations.yaml has changed.'],
    ],
    [
      'the same files, read differently',
      { project: 'x' },
      ['The project reads differently than it did, although its files are the same.'],
    ],
    [
      'the target moved on',
      { target: 'x' },
      ['Steps were applied to the target, or taken back, since it was saved.'],
    ],
    ['other steps', { steps: [] }, ['The steps that are left to do are not the ones it lists.']],
  ])('%s', (_, now, reasons) => {
    expect(staleness(saved, { ...saved, ...now })).toEqual(reasons)
  })
})

describe('the digest of the target', () => {
  const done = (fingerprint: string): Pick<DoneStep, 'fingerprint' | 'state'> => ({
    fingerprint,
    state: 'done',
  })
  const digest = targetDigest(
    new Map([
      ['a', done('1')],
      ['b', done('2')],
    ]),
  )

  test('does not depend on the order of the ledger, or on attempts', () => {
    expect(
      targetDigest(
        new Map([
          ['b', done('2')],
          ['a', done('1')],
        ]),
      ),
    ).toBe(digest)
    expect(
      targetDigest(
        new Map([
          ['a', done('1')],
          ['b', done('2')],
          ['c', { fingerprint: '3', state: 'failed' }],
        ]),
      ),
    ).toBe(digest)
  })

  test('depends on what is done', () => {
    expect(targetDigest(new Map([['a', done('1')]]))).not.toBe(digest)
    expect(
      targetDigest(
        new Map([
          ['a', done('1')],
          ['b', done('9')],
        ]),
      ),
    ).not.toBe(digest)
  })
})
