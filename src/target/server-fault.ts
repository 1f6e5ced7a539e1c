/**
 * What a server said went wrong, without the parts that quote rows (detail, where, internal query). The message may still quote a value:
 * only `targetError` decides what people get to read.
 */
export interface ServerFault {
  readonly severity: string
  readonly code: string
  readonly message: string
  readonly schema?: string | undefined
  readonly table?: string | undefined
  readonly column?: string | undefined
  readonly constraint?: string | undefined
  /** Character of the statement, from 1. */
  readonly position?: string | undefined
}
