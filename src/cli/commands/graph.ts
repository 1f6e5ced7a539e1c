import { EXIT } from '../../errors.ts'
import { renderText } from '../../graph/render.ts'
import type { CommonOptions } from '../args.ts'
import { compileProject } from '../compile.ts'
import { dotOf, mermaidOf } from '../graph-drawing.ts'
import type { Io } from '../io.ts'
import { loadProject } from '../project.ts'

export interface GraphOptions extends CommonOptions {
  readonly plans: readonly string[]
  readonly format: keyof typeof FORMATS
}

const FORMATS = { text: renderText, mermaid: mermaidOf, dot: dotOf } as const

/** Prints the steps and what comes after what. Needs no store. */
export async function run({ format, ...options }: GraphOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const { graph } = compileProject(project, options.plans)
  io.stdout.write(FORMATS[format](graph))
  return EXIT.done
}
