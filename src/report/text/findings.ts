import type { Finding, Status } from '../../checks/check.ts'
import { printable } from '../../printable.ts'
import { columns, line, type Paint, type Painter, painted, whole } from '../layout.ts'
import type { GateResult } from '../report.ts'

/** A gate and what its checks found; what did not pass says what was expected, names a few keys, and what to do. */
export function gateLines({ plan, opens, status, findings }: GateResult, painter: Painter): string[] {
  const head = columns(
    [
      [
        painted(`${GATES[status][0]} gate ${opens}`, GATES[status][1]),
        plan,
        painted(GATES[status][2], GATES[status][1]),
      ],
    ],
    painter,
    0,
  )
  const rows = columns(
    findings.map(({ check, status, measured, code }) => [
      painted(`${STATUSES[status][0]} ${status}`, STATUSES[status][1]),
      check,
      whole(measured),
      painted(status === 'pass' ? '' : code, 'dim'),
    ]),
    painter,
  )
  return [...head, ...findings.flatMap((finding, index) => [rows[index]!, ...explanation(finding, painter)])]
}

function explanation({ status, expected, samples, hint }: Finding, painter: Painter): string[] {
  if (status === 'pass') return []
  const parts = [
    `expected ${expected}`,
    samples.length > 0 && `e.g. ${samples.map((it) => printable(it, 60)).join(', ')}`,
    hint && `► ${hint}`,
  ].filter((it): it is string => Boolean(it))
  return parts.map((it) => line(it, painter.dim, 10))
}

export const STATUSES: { readonly [S in Status]: readonly [string, Paint] } = {
  pass: ['✓', 'good'],
  fail: ['✗', 'bad'],
  error: ['!', 'bad'],
  unknown: ['?', 'warn'],
  pending: ['…', 'warn'],
}

const GATES: { readonly [S in GateResult['status']]: readonly [string, Paint, string] } = {
  open: ['✓', 'good', 'open'],
  closed: ['✗', 'bad', 'closed'],
  skipped: ['–', 'warn', 'not asked, since something before it failed'],
}
