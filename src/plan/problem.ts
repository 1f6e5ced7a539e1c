import type { PlanCode } from './codes.ts'

/** A mistake inside one piece of text, by offset. Whoever knows where the text stands makes a Diagnostic of it. */
export interface Problem {
  readonly code: PlanCode
  readonly message: string
  readonly hint?: string
  /** Offset into the text, in UTF-16 units. */
  readonly offset: number
  readonly severity?: 'warning'
}

/** Thrown inside a parser at the first mistake, caught at its door. */
export class ParseProblem extends Error {
  readonly problem: Problem
  constructor(code: PlanCode, offset: number, message: string, hint?: string) {
    super(message)
    this.problem = { code, offset, message, ...(hint && { hint }) }
  }
}

/** Runs a parser; what it throws as `ParseProblem` becomes its one problem. */
export function parsing<T>(parse: () => T): { readonly value?: T; readonly problems: readonly Problem[] } {
  try {
    return { value: parse(), problems: [] }
  } catch (error) {
    if (error instanceof ParseProblem) return { problems: [error.problem] }
    throw error
  }
}

/** Text for a message: quoted, one line, not longer than `limit`. */
export function quote(text: string, limit = 60): string {
  const short = text.length > limit ? `${text.slice(0, limit)}…` : text
  return JSON.stringify(short)
}

/** `a, b and c`. */
export function listOf(words: Iterable<string>, last = 'and'): string {
  const all = [...words]
  return all.length < 2 ? all.join('') : `${all.slice(0, -1).join(', ')} ${last} ${all.at(-1)}`
}
