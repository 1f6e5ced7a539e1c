import { describe, expect, test } from 'vitest'
import { compile } from '../../src/plan/compile.ts'
import { problems, textOf } from './compiled.ts'
import { fieldOf, mappingOf, patternOf, planOf, projectOf, root, simplePlan, tableOf } from './project.ts'

describe('selecting plans', () => {
  const plans = [
    simplePlan('users'),
    simplePlan('handles', ['users']),
    simplePlan('messages', ['handles']),
    simplePlan('board'),
    simplePlan('told', [], { after: ['board'] }),
  ]

  test('brings along what they need, whole but without its gate', () => {
    const { waves, graph } = compile(projectOf(plans), { plans: ['messages'] })
    expect(waves.map(({ plan, wave, neededBy }) => [plan.name, wave, neededBy])).toEqual([
      ['users', 1, ['handles']],
      ['handles', 2, ['messages']],
      ['messages', 3, []],
    ])
    const whole = compile(projectOf(plans)).graph
    const ofThese = whole.vertices.filter(({ data }) => ['users', 'handles', 'messages'].includes(data.plan!))
    const left = graph.vertices.map(({ id }) => id)
    expect(ofThese.map(({ id }) => id).filter((id) => !left.includes(id))).toEqual([
      'users/A/gate/B',
      'handles/A/gate/B',
    ])
    expect(left).toHaveLength(ofThese.length - 2)
  })

  test.each([
    [['users'], ['users']],
    [['told'], ['board', 'told']],
    [
      ['users', 'board'],
      ['board', 'users'],
    ],
    [[], ['board', 'users', 'handles', 'told', 'messages']],
  ])('%o gives %o', (asked, names) => {
    expect(compile(projectOf(plans), { plans: asked }).waves.map(({ plan }) => plan.name)).toEqual(names)
  })

  test('brings both of two plans whose tables refer to each other', () => {
    const both = [simplePlan('a', ['b']), simplePlan('b', ['a']), simplePlan('c')]
    expect(compile(projectOf(both), { plans: ['b'] }).waves.map(({ plan }) => plan.name)).toEqual(['a', 'b'])
  })

  test('brings the plan that declares the table they fill, and the one whose rows come first', () => {
    const fills = (name: string) =>
      planOf(name, { rules: [mappingOf('a', { match: patternOf(`${name}:{id}`) })] })
    const waves = (asked: string) =>
      compile(projectOf([simplePlan('a'), fills('b'), fills('c')]), { plans: [asked] }).waves
    expect(waves('a').map(({ plan }) => plan.name)).toEqual(['a'])
    expect(waves('b').map(({ plan }) => plan.name)).toEqual(['a', 'b'])
    expect(waves('c').map(({ plan }) => plan.name)).toEqual(['a', 'b', 'c'])
  })

  test('leaves other plans out that only share a table of leftovers', () => {
    const leftovers = tableOf('leftovers', { key: 'text' }, { primaryKey: ['key'] })
    const plan = (name: string) =>
      planOf(name, {
        tables: [leftovers],
        rules: [
          mappingOf('leftovers', {
            match: patternOf(`${name}:{_}`),
            key: ['key'],
            fields: [fieldOf('key', root('key'))],
          }),
        ],
      })
    expect(textOf([plan('a'), plan('b')], ['b'])).toBe(
      `project/A/table/leftovers
b/A/backfill/leftovers
  project/A/table/leftovers
project/A/analyze/leftovers
  b/A/backfill/leftovers
b/A/gate/B
  project/A/analyze/leftovers
`,
    )
  })

  test('knows the names', () => {
    expect(problems(plans, ['massages'])).toEqual([
      'KV100 There is no plan "massages" in this project. Did you mean "messages"?',
    ])
    expect(problems(plans, ['x'])).toEqual([
      'KV100 There is no plan "x" in this project. There are: board, handles, messages, told, users.',
    ])
  })
})
