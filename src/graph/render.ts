import type { Graph, Vertex } from './graph.ts'

export interface Drawing<T> {
  /** What stands in the box. Default: the id. */
  label?(vertex: Vertex<T>): string
  /** Vertices of one group are drawn in a box of that name. */
  group?(vertex: Vertex<T>): string | undefined
}

/** One vertex a line, what it comes after indented below: easy to read in a diff. */
export function renderText(graph: Graph<unknown>): string {
  return graph.vertices
    .flatMap(({ id, after }) => [id, ...after.map((it) => `  ${it}`)])
    .map((line) => `${line}\n`)
    .join('')
}

/** A Mermaid flow chart, as GitHub shows it in comments. */
export function renderMermaid<T>(graph: Graph<T>, drawing: Drawing<T> = {}): string {
  return draw(graph, drawing, {
    head: 'flowchart LR',
    box: (name, label) => `${name}["${escapeMermaid(label)}"]`,
    openGroup: (name, label) => `subgraph ${name}["${escapeMermaid(label)}"]`,
    closeGroup: 'end',
    edge: (from, to) => `${from} --> ${to}`,
    foot: '',
  })
}

/** Graphviz. */
export function renderDot<T>(graph: Graph<T>, drawing: Drawing<T> = {}): string {
  return draw(graph, drawing, {
    head: 'digraph kvmig {\n  rankdir=LR\n  node [shape=box]',
    box: (name, label) => `${name} [label=${quoteDot(label)}]`,
    openGroup: (name, label) => `subgraph cluster_${name} {\n    label=${quoteDot(label)}`,
    closeGroup: '}',
    edge: (from, to) => `${from} -> ${to}`,
    foot: '}\n',
  })
}

interface Dialect {
  readonly head: string
  box(name: string, label: string): string
  openGroup(name: string, label: string): string
  readonly closeGroup: string
  edge(from: string, to: string): string
  readonly foot: string
}

// Boxes are called n0, n1 … : ids may hold anything, and both languages have reserved words.
function draw<T>(graph: Graph<T>, { label, group }: Drawing<T>, dialect: Dialect): string {
  const names = new Map(graph.vertices.map(({ id }, index) => [id, `n${index}`]))
  const groups = new Map<string | undefined, Vertex<T>[]>()
  for (const vertex of graph.vertices) {
    const name = group?.(vertex)
    groups.set(name, [...(groups.get(name) ?? []), vertex])
  }

  const lines = [dialect.head]
  let number = 0
  for (const [name, vertices] of groups) {
    const boxes = vertices.map((vertex) => dialect.box(names.get(vertex.id)!, label?.(vertex) ?? vertex.id))
    if (name === undefined) {
      lines.push(...boxes.map((it) => `  ${it}`))
    } else {
      lines.push(`  ${dialect.openGroup(`g${number++}`, name)}`)
      lines.push(...boxes.map((it) => `    ${it}`), `  ${dialect.closeGroup}`)
    }
  }
  for (const { id, after } of graph.vertices) {
    for (const before of after) lines.push(`  ${dialect.edge(names.get(before)!, names.get(id)!)}`)
  }
  return `${lines.join('\n')}\n${dialect.foot}`
}

// Mermaid reads #name; and #code; inside quotes; everything that could end the label or be taken for markup goes that way.
const escapeMermaid = (text: string): string =>
  text.replace(/[^\p{L}\p{N} _./:,()=-]/gu, (character) => `#${character.codePointAt(0)};`)

const quoteDot = (text: string): string =>
  `"${text.replace(/[\\"]/g, '\\$&').replace(/\p{Cc}/gu, (it) => `\\\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`
