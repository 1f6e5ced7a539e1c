import fc from 'fast-check'
import { createGraph, type Graph, type Vertex } from '../../src/graph/graph.ts'

/** Acyclic graphs of up to twenty vertices: each may come after any that were made before it; the order of insertion is shuffled. */
export const randomVertices: fc.Arbitrary<Vertex<string>[]> = fc
  .array(fc.array(fc.nat(19), { maxLength: 4 }), { maxLength: 20 })
  .map((choices) =>
    choices.map((choice, index) => ({
      id: `v${index}`,
      data: `v${index}`,
      after: index === 0 ? [] : choice.map((it) => `v${it % index}`),
    })),
  )
  .chain((vertices) => fc.shuffledSubarray(vertices, { minLength: vertices.length }))

export const randomGraph: fc.Arbitrary<Graph<string>> = randomVertices.map(createGraph)

/** `b: a` – b comes after a. For graphs written by hand. */
export const graphOf = (after: Readonly<Record<string, readonly string[]>>): Graph<string> =>
  createGraph(Object.entries(after).map(([id, ids]) => ({ id, data: id, after: ids })))
