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
    const notes = example.notes.map((it) => line(it, painter.dim, 2))
    if (example.status === 'pass') return [heads[index]!, ...notes]
    const isLast = index === examples.length - 1
    return [heads[index]!, ...failure(example, painter), ...notes, ...(isLast ? [] : [''])]
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
          ...rejects.reasons.map((it) => line(it, painter.dim, 4)),
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
          ...(same ? [expected ?? '·', actual ?? '·'] : apart(expected, actual)),
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

/** Values that differ, so that one can see it: in quotes where white space or characters without a shape make the difference. */
function apart(expected: string | undefined, actual: string | undefined): readonly [string, string] {
  const isHidden = [expected, actual].some(
    (it) => it !== undefined && (it === '' || /^\s|\s$|[^\P{C}\n]/u.test(it)),
  )
  const show = (it: string | undefined) => (it === undefined ? '·' : isHidden ? JSON.stringify(it) : it)
  return [show(expected), show(actual)]
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
