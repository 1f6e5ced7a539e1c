/** Where something stands in a file the user wrote. Lines and columns count from 1, columns in UTF-16 units, as editors do. */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

export type Severity = 'error' | 'warning'

/**
 * Something to tell the author of a plan. Diagnostics are returned in lists, all at once; they are never thrown.
 * `code` is stable (`KV014`), never reused, and has a page: `kvmig explain KV014`.
 */
export interface Diagnostic {
  readonly severity: Severity
  readonly code: string
  /** One sentence: what is wrong, what was expected, what was found. No values from a store, no secrets. */
  readonly message: string
  /** What to do about it, if that is known. */
  readonly hint?: string
  readonly at?: Position
}

export const hasErrors = (diagnostics: readonly Diagnostic[]): boolean =>
  diagnostics.some((it) => it.severity === 'error')

/** `plans/messages.yaml:10:50  KV014  There is no transform "lowercas". Did you mean "lower"?` */
export function formatDiagnostic({ at, code, message, hint, severity }: Diagnostic): string {
  const where = at ? `${at.file}:${at.line}:${at.column}  ` : ''
  const kind = severity === 'warning' ? 'warning: ' : ''
  return `${where}${code}  ${kind}${message}${hint ? ` ${hint}` : ''}`
}

/** The name among `known` that `found` was probably meant to be, by edit distance; undefined when none is close. */
export function didYouMean(found: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(found.length / 3)) + 1
  for (const name of known) {
    const distance = editDistance(found.toLowerCase(), name.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [name, distance]
  }
  return best
}

// Levenshtein distance with one row of memory.
function editDistance(a: string, b: string): number {
  const row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0]!
    row[0] = i
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!
      row[j] = Math.min(above + 1, row[j - 1]! + 1, diagonal + (a[i - 1] === b[j - 1] ? 0 : 1))
      diagonal = above
    }
  }
  return row[b.length]!
}
