import type { PhaseReport } from '../report.ts'
import { gateSection } from './check.ts'
import type { Section } from './section.ts'
import { prose, table } from './syntax.ts'

/** What was done for each plan, and the gates that were asked. */
export const phaseSections = ({ acts, gates }: PhaseReport): readonly Section[] => [
  ...gates.map(gateSection),
  {
    title: 'What was done',
    open: true,
    body:
      acts.length === 0
        ? ''
        : table(
            ['', 'plan', 'what', ''],
            acts.map(({ plan, status, verb, detail }) => [status, prose(plan), prose(verb), prose(detail)]),
          ),
  },
]
