import type { Finding, Status } from '../../checks/check.ts'
import { printable } from '../../printable.ts'
import { columns, line, type Paint, type Painter, painted, whole } from '../layout.ts'
import type { GateResult } from '../report.ts'
import { counted, listed } from '../wording.ts'

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
  const gathered = gatherFaults(findings)
  const rows = columns(
    gathered.map(({ first: { status, measured, code }, checks }) => [
      painted(`${STATUSES[status][0]} ${status}`, STATUSES[status][1]),
      checks.length === 1 ? checks[0]! : `${checks.length} checks`,
      whole(measured),
      painted(status === 'pass' || checks.length > 1 ? '' : code, 'dim'),
    ]),
    painter,
  )
  return [...head, ...gathered.flatMap((it, index) => [rows[index]!, ...explanation(it, painter)])]
}

/** The gates that are open, in one line. */
export function openGates(gates: readonly GateResult[], painter: Painter): string[] {
  const open = gates.filter(({ status }) => status === 'open')
  if (open.length === 0) return []
  const checks = open.reduce((sum, { findings }) => sum + findings.length, 0)
  const names = listed(open.map(({ plan }) => plan))
  return [
    line(`✓ gate ${open[0]!.opens} open for ${names}: ${counted(checks, 'check')} passed`, painter.good),
  ]
}

interface Gathered {
  readonly first: Finding
  readonly checks: string[]
}

/** What kept several checks from measuring, such as a store that is down, is told once. */
function gatherFaults(findings: readonly Finding[]): readonly Gathered[] {
  const gathered = new Map<string, Gathered>()
  for (const [index, finding] of findings.entries()) {
    const { status, measured, hint, check } = finding
    const word = status === 'error' ? JSON.stringify([measured, hint]) : String(index)
    const known = gathered.get(word)
    if (known) known.checks.push(check)
    else gathered.set(word, { first: finding, checks: [check] })
  }
  return [...gathered.values()]
}

function explanation({ first, checks }: Gathered, painter: Painter): string[] {
  const { status, expected, samples, hint } = first
  if (status === 'pass') return []
  const parts = [
    checks.length > 1 ? checks.join(', ') : `expected ${expected}`,
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
