import { FATES } from '../../checks/survey.ts'
import type { KeyAccount } from '../report.ts'
import { difference } from '../text/account.ts'
import { number } from '../wording.ts'
import { paragraphs, prose, table } from './syntax.ts'

/** Every fate that some key had, and the sum. Says so where the fates do not add up to the keys. */
export function accountTable(account: KeyAccount): string {
  const rows = FATES.filter((fate) => account.fates[fate]).map((fate) => [fate, number(account.fates[fate]!)])
  const all = ['**all**', `**${number(account.keys)}**`]
  return paragraphs(table(['fate', '>keys'], [...rows, all]), ...difference(account).map(prose))
}
