import { KvmigError } from '../../errors.ts'

/** More rows than this are never deleted unasked, however large the table is. */
const MOST = 1000

/**
 * How many rows of a table a pass may delete because the source does not have them any more: 1 %, in a small table 10 % and at most ten,
 * never more than a thousand. A store that was emptied, or another store at the same address, would otherwise take the rows along (H59).
 * Whoever has looked says how many there may be (`--confirm-deletes=N`).
 */
export const mayDelete = (rows: number, confirmed: number | undefined): number =>
  confirmed ?? Math.min(MOST, Math.max(Math.floor(rows / 100), Math.min(10, Math.floor(rows / 10))))

/** What is said instead of deleting more than that. */
export const blown = (
  plan: string,
  { table, rows, extra }: { readonly table: string; readonly rows: number; readonly extra: number },
): KvmigError =>
  new KvmigError(
    'FUSE',
    `${extra.toLocaleString('en-US')} of ${rows.toLocaleString('en-US')} rows of ${table} (plan ${plan}) are not in the source any more. That is more than is deleted unasked, so none was.`,
    {
      hint: `Was the source emptied, or is it another one? If these rows may go: --confirm-deletes=${extra}. kvmig diff ${plan} --out FILE lists them.`,
      exitCode: 3,
    },
  )
