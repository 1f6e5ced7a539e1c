import type { RebuildReport } from '../report.ts'
import { number } from '../wording.ts'
import type { Section } from './section.ts'
import { code, prose, table } from './syntax.ts'

/** What was written of each mapping, and which have no way back. */
export const rebuildSections = ({ mappings, left, into }: RebuildReport): readonly Section[] => [
  {
    title: `Written into ${into}`,
    open: true,
    body: table(
      ['plan', 'match', '>rows', '>keys', '>there already', '>rows from elsewhere'],
      mappings.map((it) => [
        prose(it.plan),
        code(it.match),
        number(it.rows),
        number(it.keys),
        number(it.kept),
        number(it.others),
      ]),
    ),
  },
  {
    title: 'No way back',
    body: table(
      ['plan', 'match', 'why'],
      left.map(({ plan, match, why }) => [prose(plan), code(match), prose(why.join('; '))]),
    ),
  },
]
