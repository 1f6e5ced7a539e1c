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

export const unsupported = (name: string): KvmigError => {
  const whole = WHOLE[name]
  if (whole) return refuse(name, ...whole)
  return refuse(
    name,
    'a key that a plan claims',
    'Write it as one of the commands that dual-write knows (docs/runtime.md), or use store().',
  )
}

/** What only the source could answer, and it is not asked any more. */
export const unread = (name: string): KvmigError =>
  new KvmigError(
    'COMMAND_UNSUPPORTED',
    `${name.toUpperCase()} cannot be answered from Postgres, and that is where the plan of this key is read.`,
    { hint: 'Read it by one of the commands that docs/runtime.md lists, with store(), or with SQL.' },
  )

/** Does a command without a key concern all keys: by what it does to them, or by which those are? */
export const isOnAllKeys = (name: string): boolean => Object.hasOwn(WHOLE, name)

const ALL = ['a database that plans have keys in', 'Delete what is meant by its keys, with DEL.'] as const
const OTHER = [
  'the database of a source',
  'A wrapped client stays with that one. Make another client for the other database.',
] as const
const WHOLE: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  flushall: ALL,
  flushdb: ALL,
  swapdb: OTHER,
  select: OTHER,
}

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

/** `fields`: names, `$expires_at` for the expiry. */
export const unmapped = (plan: string, fields: readonly string[]): KvmigError =>
  new KvmigError(
    'REJECTED',
    `${plan}: no column takes ${fields.slice(0, 3).join(', ')}${fields.length > 3 ? ', …' : ''}, and its records are read from Postgres: it would be lost. (UNMAPPED)`,
    {
      hint: 'Give it a column, or drop it by name (unmapped: { drop: […], because: … }): kvmig rollback --to=A, then apply the edited plan.',
    },
  )

export const notClaimed = (plan: string): KvmigError =>
  new KvmigError('NOT_CLAIMED', `No rule of ${plan} would take this value by its key and content.`, {
    hint: 'Look at the where of the rules for this key.',
  })
