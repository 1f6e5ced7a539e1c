import { KvmigError } from '../errors.ts'
import type { Refusal } from './record-kind.ts'

/** What cannot be carried out right, in any phase: `what` the command is on. */
export const refuse = (command: string, what: string, hint: string): KvmigError =>
  new KvmigError(
    'COMMAND_UNSUPPORTED',
    `${command.toUpperCase()} on ${what} cannot be written to both sides.`,
    {
      hint,
    },
  )

export const unsupported = (name: string): KvmigError =>
  refuse(
    name,
    'a key that a plan claims',
    'Write it as one of the commands that dual-write knows (docs/runtime.md), or use store().',
  )

export const dualWrite = (plan: string, { mapping, because }: Refusal): KvmigError =>
  new KvmigError(
    'DUAL_WRITE',
    `The records of ${plan} ${mapping} cannot be written to both sides: ${because}.`,
  )

/** `name`: of the mapping, for people. */
export const rejected = (
  name: string,
  { column, message, code }: { readonly column?: string; readonly message: string; readonly code: string },
): KvmigError =>
  new KvmigError(
    'REJECTED',
    `${name}${column === undefined ? '' : `, column ${column}`}: ${message} (${code})`,
  )

export const notClaimed = (plan: string): KvmigError =>
  new KvmigError('NOT_CLAIMED', `No rule of ${plan} would take this value by its key and content.`, {
    hint: 'Look at the where of the rules for this key.',
  })
