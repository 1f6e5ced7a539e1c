import type { Literal } from '../plan/expression.ts'
import { ArgumentError } from './transform.ts'

/** How `first` (the default) or `last` finds a separator. Throws ArgumentError for another word. */
export function whichEnd(which: Literal | undefined): (text: string, separator: string) => number {
  if (which === undefined || which === 'first') return (text, separator) => text.indexOf(separator)
  if (which === 'last') return (text, separator) => text.lastIndexOf(separator)
  throw new ArgumentError('Which separator counts: first or last.')
}
