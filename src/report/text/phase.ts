import { columns, type Paint, type Painter, painted, whole } from '../layout.ts'
import type { Act, PhaseReport } from '../report.ts'
import { gateLines, openGates } from './findings.ts'
import { blocks } from './section.ts'

/** What was done for each plan, and the gates that were asked; of those that are open only that they are. */
export const phaseLines = ({ acts, gates }: PhaseReport, painter: Painter): string[] =>
  blocks(
    openGates(gates, painter),
    ...gates.filter(({ status }) => status !== 'open').map((gate) => gateLines(gate, painter)),
    columns(
      acts.map(({ plan, status, verb, detail }) => [
        painted(`${ACTS[status][0]} ${status}`, ACTS[status][1]),
        plan,
        verb,
        whole(detail),
      ]),
      painter,
    ),
  )

const ACTS: { readonly [S in Act['status']]: readonly [string, Paint] } = {
  done: ['✓', 'good'],
  kept: ['=', 'dim'],
  waiting: ['…', 'warn'],
  failed: ['✗', 'bad'],
  fired: ['!', 'bad'],
}
