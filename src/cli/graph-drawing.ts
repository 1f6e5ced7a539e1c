import type { Graph, Vertex } from '../graph/graph.ts'
import { type Drawing, renderDot, renderMermaid } from '../graph/render.ts'
import type { Step } from '../plan/step.ts'

export const mermaidOf = (graph: Graph<Step>): string => renderMermaid(graph, DRAWING)
export const dotOf = (graph: Graph<Step>): string => renderDot(graph, DRAWING)

// A box for each plan, so that the labels need not name it.
const DRAWING: Drawing<Step> = {
  label: ({ id, data }: Vertex<Step>) =>
    data.plan === undefined ? id : id.split('/').slice(2).join(' ').replace(/_/g, ' ') || id,
  group: ({ data }: Vertex<Step>) => data.plan,
}
