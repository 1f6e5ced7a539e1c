import { type Diagnostic, formatDiagnostic } from '../../diagnostic.ts'
import { line, type Painter } from '../layout.ts'

/** `plans/messages.yaml:10:50  KV014  There is no transform …`, one a line, errors first. */
export function diagnosticLines(diagnostics: readonly Diagnostic[], painter: Painter): string[] {
  const isError = (it: Diagnostic) => it.severity === 'error'
  return [...diagnostics.filter(isError), ...diagnostics.filter((it) => !isError(it))].map((it) =>
    line(formatDiagnostic(it), isError(it) ? painter.bad : painter.warn),
  )
}
