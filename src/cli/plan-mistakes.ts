import { type Diagnostic, formatDiagnostic } from '../diagnostic.ts'
import { counted } from '../report/wording.ts'

/** The plans are wrong: everything that was found, for one answer. */
export class PlanMistakes extends Error {
  readonly diagnostics: readonly Diagnostic[]
  constructor(diagnostics: readonly Diagnostic[]) {
    super('The plans have mistakes.')
    this.name = 'PlanMistakes'
    this.diagnostics = diagnostics
  }
}

/** One line each, and how many there are. */
export function showMistakes(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((it) => it.severity === 'error')
  const files = new Set(errors.flatMap((it) => it.at?.file ?? []))
  const where = files.size > 1 ? ` in ${counted(files.size, 'file')}` : ''
  const first = errors[0]?.code ?? 'CODE'
  return [
    ...diagnostics.map(formatDiagnostic),
    '',
    `${counted(errors.length, 'mistake')}${where}. Nothing was changed. kvmig explain ${first} has more about the first.`,
    '',
  ].join('\n')
}
