import { closing } from './closing.ts'
import { line, type Painter, PLAIN } from './layout.ts'
import type { Report } from './report.ts'
import { applyLines } from './text/apply.ts'
import { checkLines } from './text/check.ts'
import { diffLines } from './text/diff.ts'
import { phaseLines } from './text/phase.ts'
import { planLines } from './text/plan.ts'
import { rebuildLines } from './text/rebuild.ts'
import { statusLines } from './text/status.ts'
import { testLines } from './text/test.ts'
import { traceLines } from './text/trace.ts'

const VOICES: {
  readonly [K in Report['kind']]: (report: Extract<Report, { kind: K }>, painter: Painter) => string[]
} = {
  plan: planLines,
  apply: applyLines,
  check: checkLines,
  status: statusLines,
  diff: diffLines,
  test: testLines,
  trace: traceLines,
  rebuild: rebuildLines,
  phase: phaseLines,
}

/** A report for a person at a terminal: the same bytes for the same report, colours apart; the last line says what happened and what to do. */
export function text(report: Report, painter: Painter = PLAIN): string {
  // Each voice takes the kind it is listed under, which a lookup cannot tell the compiler.
  const voice = VOICES[report.kind] as (report: Report, painter: Painter) => string[]
  const body = voice(report, painter)
  const end = line(closing(report), painter.strong)
  return `${[...body, ...(body.length > 0 ? [''] : []), end].join('\n')}\n`
}
