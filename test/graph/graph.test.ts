import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CycleError, createGraph } from '../../src/graph/graph.ts'
import { ancestors, reduce, subgraph } from '../../src/graph/reach.ts'
import { renderText } from '../../src/graph/render.ts'
import { graphOf, randomGraph, randomVertices } from './random-graph.ts'

describe('createGraph', () => {
  test('puts each vertex behind everything it comes after', () => {
    fc.assert(
      fc.property(randomVertices, (vertices) => {
        const order = createGraph(vertices).vertices.map(({ id }) => id)
        expect(new Set(order)).toEqual(new Set(vertices.map(({ id }) => id)))
        for (const { id, after } of vertices) {
          for (const before of after) expect(order.indexOf(before)).toBeLessThan(order.indexOf(id))
        }
      }),
    )
  })

  test('leaves an order alone that is right already', () => {
    fc.assert(
      fc.property(randomGraph, (graph) => {
        expect(createGraph(graph.vertices).vertices).toEqual(graph.vertices)
      }),
    )
  })

  test('keeps the order of insertion where there is a choice', () => {
    const graph = graphOf({ last: ['first'], b: [], a: [], first: [] })
    expect(graph.vertices.map(({ id }) => id)).toEqual(['b', 'a', 'first', 'last'])
  })

  test('finds a vertex by its id', () => {
    const graph = graphOf({ a: [], b: ['a'] })
    expect(graph.get('b')?.after).toEqual(['a'])
    expect(graph.get('c')).toBeUndefined()
  })

  test.each([
    ['itself', { a: ['a'] }, ['a']],
    ['two', { a: ['b'], b: ['a'] }, ['a', 'b']],
    ['the shortest of two', { x: ['y'], y: ['z'], z: ['x', 'y'], free: [] }, ['y', 'z']],
    ['one behind which others wait', { waits: ['a'], a: ['b'], b: ['c'], c: ['a'] }, ['a', 'b', 'c']],
  ])('names the path of a cycle: %s', (_, after, path) => {
    const error = catchError(() => graphOf(after))
    expect(error).toBeInstanceOf(CycleError)
    expect((error as CycleError).path).toEqual(path)
    expect((error as CycleError).message).toContain([...path, path[0]].join(' after '))
  })

  test('refuses an edge to nowhere and an id that stands twice', () => {
    expect(() => graphOf({ a: ['nowhere'] })).toThrow('a comes after nowhere, which is not in the graph.')
    const vertex = { id: 'a', data: 0, after: [] }
    expect(() => createGraph([vertex, vertex])).toThrow('The vertex a stands twice in the graph.')
  })
})

describe('reduce', () => {
  test('leaves out what follows from other edges', () => {
    const graph = reduce(graphOf({ a: [], b: ['a'], c: ['a', 'b'], d: ['a', 'c', 'b'] }))
    expect(renderText(graph)).toBe('a\nb\n  a\nc\n  b\nd\n  c\n')
  })

  test('keeps the order, with no edge to spare', () => {
    fc.assert(
      fc.property(randomGraph, (graph) => {
        const reduced = reduce(graph)
        expect(ancestors(reduced)).toEqual(ancestors(graph))
        for (const vertex of reduced.vertices) {
          for (const spared of vertex.after) {
            const fewer = reduced.vertices.map((it) =>
              it === vertex ? { ...it, after: it.after.filter((id) => id !== spared) } : it,
            )
            expect(ancestors(createGraph(fewer)).get(vertex.id)).not.toContain(spared)
          }
        }
      }),
    )
  })
})

describe('subgraph', () => {
  test('keeps the order that led through what was left out', () => {
    const graph = graphOf({ a: [], b: ['a'], c: ['b'], d: ['c'] })
    expect(renderText(subgraph(graph, ({ id }) => id !== 'b' && id !== 'c'))).toBe('a\nd\n  a\n')
  })

  test('orders what it keeps exactly as before', () => {
    fc.assert(
      fc.property(randomGraph, fc.array(fc.nat(19)), (graph, numbers) => {
        const kept = new Set(numbers.map((it) => `v${it}`))
        const before = ancestors(graph)
        for (const [id, found] of ancestors(subgraph(graph, (it) => kept.has(it.id)))) {
          expect(found).toEqual(new Set([...before.get(id)!].filter((it) => kept.has(it))))
        }
      }),
    )
  })
})

function catchError(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}
