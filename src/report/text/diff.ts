import { printable } from '../../printable.ts'
import { columns, type Painter, painted, right, whole } from '../layout.ts'
import type { DiffReport } from '../report.ts'
import { counted, number } from '../wording.ts'
import { accountLines } from './account.ts'
import { blocks, section } from './section.ts'

/** Table by table: what the source gives against what is there, with a few keys of each kind of difference. */
export function diffLines({ plans }: DiffReport, painter: Painter): string[] {
  return blocks(
    ...plans.flatMap((plan) => [
      ...plan.tables.map((table) => {
        const kinds = KINDS.filter(([kind]) => table[kind].count > 0)
        const head = `${kinds.length === 0 ? '✓ same' : '✗ differs'}  ${plan.plan}  ${table.table}`
        return [
          ...columns(
            [
              [
                painted(head, kinds.length === 0 ? 'good' : 'bad'),
                whole(
                  `${counted(table.expected, 'row')} from the source, ${number(table.actual)} in the table, ${number(table.matching)} the same`,
                ),
              ],
            ],
            painter,
            0,
          ),
          ...columns(
            kinds.map(([kind, meaning]) => [
              right(number(table[kind].count), 'bad'),
              kind,
              meaning,
              whole(`e.g. ${table[kind].samples.map((it) => printable(it, 60)).join(', ')}`),
            ]),
            painter,
          ),
        ]
      }),
      section(`Keys of ${plan.plan}`, accountLines(plan, painter), painter),
    ]),
  )
}

const KINDS = [
  ['missing', 'in the source only'],
  ['different', 'in both, with other values'],
  ['extra', 'in the table only'],
] as const
