import type { TestedExample, TestReport } from '../report.ts'
import type { Section } from './section.ts'
import { code, paragraphs, prose, table } from './syntax.ts'

/** Each example that failed, expected and actual side by side; those that pass in one list. */
export const testSections = ({ examples }: TestReport): readonly Section[] => [
  ...examples.filter(({ status }) => status !== 'pass').map(failureSection),
  {
    title: 'Examples that pass',
    body: examples
      .filter(({ status }) => status === 'pass')
      .map(({ plan, key }) => `- ✅ ${prose(plan)} ${code(key)}`)
      .join('\n'),
  },
]

function failureSection({ plan, key, at, message, rows, rejects }: TestedExample): Section {
  const [expected, actual] = [rejects.expected.join(', '), rejects.actual.join(', ')]
  return {
    title: `❌ ${plan}`,
    open: true,
    body: paragraphs(
      `${code(key)} in ${code(`${at.file}:${at.line}:${at.column}`)}`,
      prose(message ?? ''),
      table(
        ['table', '', 'column', 'expected', 'actual', ''],
        rows
          .filter(({ status }) => status !== 'same')
          .flatMap((row) =>
            row.columns.flatMap((it) => [
              [
                code(row.table),
                row.status,
                code(it.column),
                code(it.expected ?? ''),
                code(it.actual ?? ''),
                it.same ? '' : '❌',
              ],
              ...(it.inside ?? []).map((place) => [
                '',
                '',
                code(place.path),
                code(place.expected ?? ''),
                code(place.actual ?? ''),
                '',
              ]),
            ]),
          ),
      ),
      expected === actual ? '' : prose(`rejects: expected ${expected || 'none'}, got ${actual || 'none'}`),
      ...rejects.because.map(prose),
    ),
  }
}
