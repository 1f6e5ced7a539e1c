import { FATES } from '../../checks/survey.ts'
import { columns, line, type Painter, right } from '../layout.ts'
import type { KeyAccount } from '../report.ts'
import { counted, number } from '../wording.ts'

/** Every fate that some key had, and the sum. Says so where the fates do not add up to the keys. */
export function accountLines({ keys, fates }: KeyAccount, painter: Painter): string[] {
  const rows = FATES.filter((fate) => fates[fate]).map((fate) => [right(number(fates[fate]!)), fate])
  return [
    ...columns([...rows, [right(number(keys)), rows.length === 0 ? 'keys' : 'keys in all']], painter),
    ...difference({ keys, fates }).map((it) => line(it, painter.bad, 2)),
  ]
}

/** What is wrong with an account, if anything is. */
export function difference({ keys, fates }: KeyAccount): string[] {
  const sum = FATES.reduce((all, fate) => all + (fates[fate] ?? 0), 0)
  if (sum === keys) return []
  return [
    `✗ The fates add up to ${number(sum)}, not to ${counted(keys, 'key')}: ${sum < keys ? 'some keys have none' : 'some keys have two'}.`,
  ]
}
