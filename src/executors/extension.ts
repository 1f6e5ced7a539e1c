import { TargetError } from '../errors.ts'
import type { ExtensionStep } from '../plan/step.ts'
import { createExtension } from '../target/ddl.ts'
import type { DatabaseError } from '../target/error.ts'
import { isMissingExtension, tryStatement, wayToExtension } from '../target/extensions.ts'
import type { Executor } from './executor.ts'
import { doNoted } from './transact.ts'

/** Stays when phase A is taken back: others may have come to need it. */
export const extension: Executor<ExtensionStep> = {
  kind: 'extension',
  describe: (step) => ({
    symbol: '+',
    verb: 'extension',
    subject: step.extension,
    detail: step.optional ? 'where the server has it' : 'if it is not there',
  }),
  run: (step, context) =>
    doNoted(context, step, async (tx) => {
      const { refused, error } = await tryStatement(tx, createExtension(step.extension))
      if (!error) return { counts: {} }
      const way = wayToExtension(step.extension, context.target.place.provider)
      if (step.optional) return { counts: {}, note: `done without it: ${refused}. ${way}` }
      throw isMissingExtension(refused!) ? missing(step.extension, context.target.label, way, error) : error
    }),
}

const missing = (name: string, label: string, way: string, error: DatabaseError): TargetError =>
  new TargetError(
    'EXTENSION_MISSING',
    `${label} does not have the extension ${name}, which the plan needs.`,
    {
      cause: error,
      hint: way,
      ...(error.sqlState === undefined ? {} : { sqlState: error.sqlState }),
    },
  )
