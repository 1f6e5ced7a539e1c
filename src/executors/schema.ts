import type { SchemaStep } from '../plan/step.ts'
import { createSchema } from '../target/ddl.ts'
import type { Executor } from './executor.ts'
import { doStep, statement } from './transact.ts'

/** Stays when phase A is taken back: others may have put something into it. */
export const schema: Executor<SchemaStep> = {
  kind: 'schema',
  describe: (step) => ({ symbol: '+', verb: 'schema', subject: step.schema, detail: 'if it is not there' }),
  run: (step, context) => doStep(context, step, statement(createSchema(step.schema))),
}
