import { resolve } from 'node:path'
import { EXIT } from '../../errors.ts'
import type { CommonOptions } from '../args.ts'
import { writeText } from '../files.ts'
import type { Io } from '../io.ts'
import { loadProject } from '../project.ts'
import { typeText } from '../type-text.ts'

export interface TypesOptions extends CommonOptions {
  readonly out?: string
}

/** Prints the TypeScript of the plans. Needs no store. */
export async function run({ out, ...options }: TypesOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const text = typeText(project)
  if (out === undefined) io.stdout.write(text)
  else writeText(resolve(io.cwd, out), text)
  return EXIT.done
}
