import { describe, expect, test } from 'vitest'
import { compile } from '../../src/plan/compile.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { comesAfter, problems, textOf } from './compiled.ts'
import { indexOf, mappingOf, planOf, projectOf, referenceOf, simplePlan, tableOf } from './project.ts'

describe('tables of the application', () => {
  const owned = (name: string, to: readonly string[] = []): Plan => {
    const plan = simplePlan(name, to)
    return { ...plan, tables: plan.tables.map((it) => ({ ...it, owner: 'schema' })) }
  }

  test('are proven, filled parents first, and get neither indexes nor foreign keys', () => {
    const users = tableOf('users', { id: 'serial' }, { owner: 'schema' })
    const posts = tableOf(
      'posts',
      { id: 'text', users_id: 'text' },
      { owner: 'schema', references: [referenceOf('users_id', 'users')], indexes: [indexOf('i', ['id'])] },
    )
    const plan = planOf('app', { tables: [posts, users], rules: [mappingOf('posts'), mappingOf('users')] })
    expect(textOf([plan])).toBe(
      `app/A/table/posts
app/A/table/users
app/A/backfill/users
  app/A/table/users
app/A/backfill/posts
  app/A/table/posts
  app/A/backfill/users
app/A/sequence/users.id
  app/A/backfill/users
app/A/analyze/posts
  app/A/backfill/posts
app/A/analyze/users
  app/A/backfill/users
app/A/gate/B
  app/A/sequence/users.id
  app/A/analyze/posts
  app/A/analyze/users
`,
    )
  })

  test('order plans whose tables weave into each other', () => {
    const withComments = owned('comments', ['posts'])
    const first = planOf('first', {
      tables: [...owned('users').tables, ...withComments.tables],
      rules: [mappingOf('users'), mappingOf('comments')],
    })
    const plans = [first, owned('posts', ['users'])]
    expect(comesAfter(plans, 'posts/A/backfill/posts')).toEqual([
      'first/A/backfill/users',
      'posts/A/table/posts',
    ])
    expect(comesAfter(plans, 'first/A/backfill/comments')).toEqual([
      'first/A/table/comments',
      'posts/A/backfill/posts',
    ])
  })

  test('cannot refer to each other in a circle', () => {
    expect(problems([owned('a', ['b']), owned('b', ['c']), owned('c', ['a'])])).toEqual([
      'KV102 Foreign keys of the application’s tables form a circle, so no row can be the first: a ► b ► c ► a. Drop one of these constraints for the time of the migration, or let the plan declare the tables: then foreign keys come after the copy.',
    ])
  })

  test('cannot refer to a table whose plan has to wait for them', () => {
    const parent = { ...owned('parent'), after: ['child'] }
    expect(problems([parent, owned('child', ['parent'])])).toEqual([
      'KV103 Steps wait for each other: child/A/backfill/child after parent/A/backfill/parent after child/A/backfill/child. What "after" says, or the order of the mappings, contradicts the foreign keys of the application’s tables.',
    ])
  })

  test('may refer to themselves, with a warning', () => {
    const { diagnostics, graph } = compile(projectOf([owned('tree', ['tree'])]))
    expect(diagnostics).toMatchObject([{ code: 'KV107', severity: 'warning' }])
    expect(graph.vertices).toHaveLength(4)
  })
})

describe('what several plans share', () => {
  test('belongs to the project', () => {
    const table = tableOf('app.log', { id: 'text', e: 'vector(3)' }, { indexes: [indexOf('idx_log', ['e'])] })
    const plan = (name: string) =>
      planOf(name, { tables: [table], rules: [mappingOf('app.log', { name: 'log' })] })
    expect(textOf([plan('a')])).toContain('a/A/table/app.log')
    expect(textOf([plan('a'), plan('b')])).toBe(
      `project/A/schema/app
project/A/extension/vector
project/A/table/app.log
  project/A/schema/app
  project/A/extension/vector
a/A/backfill/log
  project/A/table/app.log
b/A/backfill/log
  a/A/backfill/log
project/A/index/app.idx_log
  b/A/backfill/log
project/A/analyze/app.log
  project/A/index/app.idx_log
a/A/gate/B
  project/A/analyze/app.log
b/A/gate/B
  project/A/analyze/app.log
`,
    )
  })

  test('has to be declared in the same way', () => {
    const plan = (name: string, type: string) => planOf(name, { tables: [tableOf('log', { id: type })] })
    expect(problems([plan('a', 'text'), plan('b', 'uuid')])).toEqual([
      'KV104 The table log is declared by "a" and, differently, by "b". Declare it in one of them; the other can map into it all the same.',
    ])
    expect(problems([plan('a', 'text NOT  NULL'), plan('b', 'text not null')])).toEqual([])
  })

  test('does not make a schema that the application has', () => {
    const plan = planOf('a', {
      tables: [
        tableOf('app.mine', { id: 'text' }),
        tableOf('app.theirs', { id: 'text' }, { owner: 'schema' }),
      ],
    })
    expect(textOf([plan])).toBe(
      'a/A/table/app.mine\na/A/table/app.theirs\na/A/gate/B\n  a/A/table/app.mine\n  a/A/table/app.theirs\n',
    )
  })
})

describe('extensions', () => {
  test.each([
    [{ id: 'vector(1536)' }, [], ['vector']],
    [{ id: 'citext not null' }, [], ['citext']],
    [{ id: 'uuid default uuid_generate_v4()' }, [], ['uuid-ossp']],
    [{ id: 'uuid default gen_random_uuid()' }, [], []],
    [{ id: "text default 'vector(3)'" }, [], []],
    [{ id: 'text' }, [indexOf('i', ['id gin_trgm_ops'], { using: 'gin' })], ['pg_trgm']],
    [{ id: 'text' }, [indexOf('i', ['id'], { using: 'hnsw' })], ['vector']],
    [{ id: 'text', vector: 'text' }, [indexOf('i', ['"vector(x)"'])], []],
  ])('are found in %o with %o', (columns, indexes, extensions) => {
    const plan = planOf('a', { tables: [tableOf('a', columns, { indexes })] })
    const steps = compile(projectOf([plan])).graph.vertices.map(({ data }) => data)
    expect(steps.flatMap((it) => (it.kind === 'extension' ? [it.extension] : []))).toEqual(extensions)
  })
})

describe('sequences', () => {
  test.each([
    ['serial', true],
    ['BIGSERIAL', true],
    ['integer generated always as identity', true],
    ["integer default nextval('x_seq'::regclass)", true],
    ['integer', false],
  ])('behind a column %s that a mapping fills: %s', (sql, moved) => {
    const plan = planOf('a', {
      tables: [tableOf('a', { id: sql, other: 'serial' })],
      rules: [mappingOf('a')],
    })
    const { graph } = compile(projectOf([plan]))
    expect(graph.get('a/A/sequence/a.id') !== undefined).toBe(moved)
    expect(graph.get('a/A/sequence/a.other')).toBeUndefined()
  })
})
