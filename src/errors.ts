/**
 * The world did not cooperate: a store is down, a permission is missing, a lease is held. Thrown, never returned.
 * `code` is stable; the message names the thing at fault, what was expected and what to do, and never holds a value or a secret.
 */
export class KvmigError extends Error {
  readonly code: string
  readonly exitCode: number
  /** What to do next, as a sentence. */
  readonly hint: string | undefined

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; hint?: string; exitCode?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.hint = options.hint
    this.exitCode = options.exitCode ?? EXIT.couldNot
  }
}

/** The source could not be opened or read. */
export class SourceError extends KvmigError {}

/** The target refused: connection, permission, space, schema. `sqlState` is Postgres's five-character code where there is one. */
export class TargetError extends KvmigError {
  readonly sqlState: string | undefined

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; hint?: string; exitCode?: number; sqlState?: string } = {},
  ) {
    super(code, message, options)
    this.sqlState = options.sqlState
  }
}

/** A step stopped. Names the step and how far it came. */
export class StepError extends KvmigError {}

/** Somebody else is applying. Names the holder. */
export class LeaseError extends KvmigError {}

/** What the process answers; the same numbers in every command. */
export const EXIT = {
  done: 0,
  couldNot: 1,
  changesPending: 2,
  gateClosed: 3,
  triggerFired: 4,
  notYet: 5,
  stalePlan: 6,
  leaseHeld: 7,
  interrupted: 130,
  terminated: 143,
} as const
