import { columns, type Painter, painted, right, whole } from '../layout.ts'
import type { RebuildReport } from '../report.ts'
import { counted, number } from '../wording.ts'
import { blocks, section } from './section.ts'

/** What was written of each mapping, and which have no way back. */
export function rebuildLines({ mappings, left }: RebuildReport, painter: Painter): string[] {
  return blocks(
    columns(
      mappings.map(({ plan, match, rows, keys, kept, others }) => [
        painted('✓', 'good'),
        plan,
        match,
        right(number(rows)),
        `${rows === 1 ? 'row' : 'rows'} ► ${counted(keys, 'key')}`,
        whole(
          [
            ...(kept > 0 ? [`${counted(kept, 'key')} there already, left as they are`] : []),
            ...(others > 0 ? [`${counted(others, 'row')} of the table came from elsewhere`] : []),
          ].join('; '),
        ),
      ]),
      painter,
    ),
    section(
      'No way back',
      columns(
        left.map(({ plan, match, why }) => [painted('✗', 'bad'), plan, match, whole(why.join('; '))]),
        painter,
      ),
      painter,
    ),
  )
}
