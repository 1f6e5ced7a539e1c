import { columns, line, type Paint, type Painter, painted, whole } from '../layout.ts'
import type { ComparedRow, TestedExample, TestReport } from '../report.ts'
import { listed } from '../wording.ts'
import { blocks } from './section.ts'

/** Each example; for one that failed, the expected and the actual row side by side, column by column. */
export function testLines({ examples }: TestReport, painter: Painter): string[] {
  const heads = columns(
    examples.map(({ status, plan, key, at }) => [
      painted(`${STATUSES[status][0]} ${status}`, STATUSES[status][1]),
      plan,
      key,
      painted(`${at.file}:${at.line}:${at.column}`, 'dim'),
    ]),
    painter,
    0,
  )
  return examples.flatMap((example, index) => {
    if (example.status === 'pass') return [heads[index]!]
    const isLast = index === examples.length - 1
    return [heads[index]!, ...failure(example, painter), ...(isLast ? [] : [''])]
  })
}

function failure({ message, rows, rejects }: TestedExample, painter: Painter): string[] {
  const differ = rejects.expected.join() !== rejects.actual.join()
  const codes = (list: readonly string[]) => (list.length === 0 ? 'none' : listed(list))
  return blocks(
    message === undefined ? [] : [line(message, painter.bad, 2)],
    differ
      ? [
          line(`rejects: expected ${codes(rejects.expected)}, got ${codes(rejects.actual)}`, painter.bad, 2),
          ...rejects.because.map((it) => line(it, painter.dim, 4)),
        ]
      : [],
    ...rows.filter(({ status }) => status !== 'same').map((row) => rowLines(row, painter)),
  )
}

function rowLines({ table, status, columns: cells }: ComparedRow, painter: Painter): string[] {
  return columns(
    [
      [
        '',
        painted(table, 'strong'),
        painted('expected', 'dim'),
        painted(status === 'different' ? 'actual' : `actual: ${MEANINGS[status]}`, 'dim'),
      ],
      ...cells.flatMap(({ column, expected, actual, same, inside = [] }) => [
        [
          same ? '' : painted('≠', 'bad'),
          whole(column, same ? undefined : 'bad'),
          expected ?? '·',
          actual ?? '·',
        ],
        ...inside.map((it) => [
          '',
          painted(`  ${it.path}`, 'bad'),
          painted(it.expected ?? 'nothing', 'dim'),
          painted(it.actual ?? 'nothing', 'dim'),
        ]),
      ]),
    ],
    painter,
  )
}

const MEANINGS = {
  same: 'the same',
  different: 'different',
  missing: 'no such row',
  extra: 'a row that was not expected',
} as const

const STATUSES: { readonly [S in TestedExample['status']]: readonly [string, Paint] } = {
  pass: ['✓', 'good'],
  fail: ['✗', 'bad'],
  error: ['!', 'bad'],
}
