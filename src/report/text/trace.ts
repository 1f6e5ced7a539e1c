import { columns, line, type Painter, painted, whole } from '../layout.ts'
import type { TraceReport } from '../report.ts'
import { bytes } from '../wording.ts'
import { blocks, section } from './section.ts'

/** One key: what the source has, which rules were asked, and what became of it. */
export function traceLines(
  { key, source, entry, rules, rows, rejects }: TraceReport,
  painter: Painter,
): string[] {
  return blocks(
    columns([[whole(key, 'strong'), whole(source), entryText(entry)]], painter, 0),
    section(
      'Rules, in order',
      columns(
        rules.map(({ claims, match, plan, at, answer }) => [
          claims ? painted('✓', 'good') : '–',
          match,
          plan ?? 'project',
          painted(`${at.file}:${at.line}`, 'dim'),
          whole(answer),
        ]),
        painter,
      ),
      painter,
    ),
    section(
      'Rows',
      columns(
        rows.map(({ table, part, status, columns: names }) => [
          painted(`${status === 'same' ? '✓' : '✗'} ${status}`, status === 'same' ? 'good' : 'bad'),
          table,
          part,
          whole(names.length > 0 ? `in ${names.join(', ')}` : ''),
        ]),
        painter,
      ),
      painter,
    ),
    section(
      'Rejects',
      rejects.flatMap(({ code, mapping, part, column, message, accepted }) => [
        ...columns(
          [
            [
              painted(code, 'bad'),
              mapping,
              part,
              column === undefined ? '' : `column ${column}`,
              accepted === undefined ? '' : whole(`accepted: ${accepted}`, 'dim'),
            ],
          ],
          painter,
        ),
        line(message, painter.dim, 4),
      ]),
      painter,
    ),
  )
}

/** `hash, 1.2 kB, expires 2026-02-01T00:00:00Z`. */
export function entryText(entry: TraceReport['entry']): string {
  if (!entry) return 'not there'
  const { type, bytes: size, expiresAt } = entry
  return `${type}, ${bytes(size)}${expiresAt === undefined ? '' : `, expires ${expiresAt}`}`
}
