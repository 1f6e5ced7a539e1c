import { expect, test } from 'vitest'
import { renderDot, renderMermaid, renderText } from '../../src/graph/render.ts'
import { graphOf } from './random-graph.ts'

const graph = graphOf({
  'project/A/extension/vector': [],
  'handles/A/table/handles': [],
  'messages/A/table/messages': ['project/A/extension/vector'],
  'messages/A/foreign_key/x': ['handles/A/table/handles', 'messages/A/table/messages'],
})
const group = ({ id }: { id: string }) => (id.startsWith('project') ? undefined : id.split('/')[0])
const label = ({ id }: { id: string }) => id.split('/').slice(2).join(' ')

test('writes a vertex a line, and what it comes after below', () => {
  expect(renderText(graph)).toBe(
    `project/A/extension/vector
handles/A/table/handles
messages/A/table/messages
  project/A/extension/vector
messages/A/foreign_key/x
  handles/A/table/handles
  messages/A/table/messages
`,
  )
})

test('draws a Mermaid flow chart, a box around each group', () => {
  expect(renderMermaid(graph, { group, label })).toBe(
    `flowchart LR
  n0["extension vector"]
  subgraph g0["handles"]
    n1["table handles"]
  end
  subgraph g1["messages"]
    n2["table messages"]
    n3["foreign_key x"]
  end
  n0 --> n2
  n1 --> n3
  n2 --> n3
`,
  )
})

test('draws a Graphviz digraph', () => {
  expect(renderDot(graph, { group, label })).toBe(
    `digraph kvmig {
  rankdir=LR
  node [shape=box]
  n0 [label="extension vector"]
  subgraph cluster_g0 {
    label="handles"
    n1 [label="table handles"]
  }
  subgraph cluster_g1 {
    label="messages"
    n2 [label="table messages"]
    n3 [label="foreign_key x"]
  }
  n0 -> n2
  n1 -> n3
  n2 -> n3
}
`,
  )
})

test.each([
  ['a "quoted" name', 'n0["a #34;quoted#34; name"]', 'n0 [label="a \\"quoted\\" name"]'],
  ['<b>#1</b>', 'n0["#60;b#62;#35;1#60;/b#62;"]', 'n0 [label="<b>#1</b>"]'],
  ['back\\slash', 'n0["back#92;slash"]', 'n0 [label="back\\\\slash"]'],
  ['line\nbreak', 'n0["line#10;break"]', 'n0 [label="line\\\\u000abreak"]'],
  ['größe 大', 'n0["größe 大"]', 'n0 [label="größe 大"]'],
])('keeps %j inside its label', (id, mermaid, dot) => {
  expect(renderMermaid(graphOf({ [id]: [] }))).toContain(`${mermaid}\n`)
  expect(renderDot(graphOf({ [id]: [] }))).toContain(`${dot}\n`)
})
