import type { Finding } from '../../checks/check.ts'
import type { CheckReport, GateResult } from '../report.ts'
import type { Section } from './section.ts'
import { code, prose, table } from './syntax.ts'

/** The gates, with what their checks found. */
export const checkSections = ({ gates }: CheckReport): readonly Section[] => gates.map(gateSection)

/** A gate; an open one is behind a click. */
export const gateSection = ({ plan, opens, status, findings }: GateResult): Section => ({
  title: `${status === 'open' ? '✅' : '❌'} gate ${opens} of ${plan}: ${status === 'skipped' ? 'not asked' : status}`,
  open: status !== 'open',
  body: findings.length === 0 ? 'Something before it failed.' : table(HEAD, findings.map(findingRow)),
})

const HEAD = ['', 'check', 'measured', 'expected', 'for example']

const findingRow = ({ status, check, code: number, measured, expected, hint, samples }: Finding): string[] =>
  status === 'pass'
    ? ['✅ pass', prose(check), prose(measured), prose(expected), '']
    : [
        `❌ ${status}`,
        `${prose(check)} ${number}`,
        prose(measured),
        prose(hint ? `${expected}. ${hint}` : expected),
        samples.map(code).join(', '),
      ]
