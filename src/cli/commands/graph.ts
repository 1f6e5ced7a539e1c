import { EXIT } from '../../errors.ts'
import { renderDot, renderMermaid, renderText } from '../../graph/render.ts'
import type { Step } from '../../plan/step.ts'
import type { CommonOptions } from '../args.ts'
import { compileProject } from '../compile.ts'
import type { Io } from '../io.ts'
import { loadProject } from '../project.ts'

export interface GraphOptions extends CommonOptions {
  readonly plans: readonly string[]
  readonly format: 'text' | 'mermaid' | 'dot'
}

/** Prints the steps and what comes after what. Needs no store. */
export async function run(options: GraphOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const { graph } = compileProject(project, options.plans)
  const drawing = {
    label: ({ data }: { data: Step }) => data.id.split('/').slice(2).join(' '),
    group: ({ data }: { data: Step }) => data.plan,
  }
  const text = {
    text: () => renderText(graph),
    mermaid: () => renderMermaid(graph, drawing),
    dot: () => renderDot(graph, drawing),
  }[options.format]()
  io.stdout.write(text)
  return EXIT.done
}
