import type { ExtensionStep } from '../plan/step.ts'
import { createExtension } from '../target/ddl.ts'
import type { Executor } from './executor.ts'
import { doStep, statement } from './transact.ts'

/** Stays when phase A is taken back: others may have come to need it. */
export const extension: Executor<ExtensionStep> = {
  kind: 'extension',
  describe: (step) => ({
    symbol: '+',
    verb: 'extension',
    subject: step.extension,
    detail: 'if it is not there',
  }),
  run: (step, context) => doStep(context, step, statement(createExtension(step.extension))),
}
