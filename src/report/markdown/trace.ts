import type { TraceReport } from '../report.ts'
import { entryText } from '../text/trace.ts'
import type { Section } from './section.ts'
import { code, prose, table } from './syntax.ts'

/** One key: what the source has, which rules were asked, and what became of it. */
export const traceSections = ({
  key,
  source,
  entry,
  rules,
  rows,
  rejects,
}: TraceReport): readonly Section[] => [
  { title: 'Key', open: true, body: `${code(key)} of ${code(source)}: ${prose(entryText(entry))}` },
  {
    title: 'Rules, in order',
    open: true,
    body: table(
      ['', 'match', 'plan', 'where', ''],
      rules.map((it) => [
        it.claims ? '✅' : '–',
        code(it.match),
        prose(it.plan ?? 'project'),
        code(`${it.at.file}:${it.at.line}`),
        prose(it.answer),
      ]),
    ),
  },
  {
    title: 'Rows',
    open: true,
    body: table(
      ['', 'table', 'part', 'columns that differ'],
      rows.map((it) => [it.status, code(it.table), code(it.part), it.columns.map(code).join(', ')]),
    ),
  },
  {
    title: 'Rejects',
    open: true,
    body: table(
      ['reason', 'mapping', 'part', 'column', '', 'accepted'],
      rejects.map((it) => [
        prose(it.code),
        prose(it.mapping),
        code(it.part),
        code(it.column ?? ''),
        prose(it.message),
        prose(it.accepted ?? ''),
      ]),
    ),
  },
]
