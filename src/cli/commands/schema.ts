import { EXIT } from '../../errors.ts'
import type { Io } from '../io.ts'

/** Prints the JSON Schema of plan and project files, as generated from the registered parts. */
export async function run(_: object, { stdout }: Io): Promise<number> {
  const { PLAN_CATALOG } = await import('../../catalog.ts')
  const { editorSchema } = await import('../../plan/schema.ts')
  stdout.write(`${JSON.stringify(editorSchema(PLAN_CATALOG), null, 2)}\n`)
  return EXIT.done
}
