/** More rows than this are never deleted unasked, however large the table is. */
const MOST = 1000

/**
 * How many rows of a table a pass may delete because the source does not have them any more: 1 %, in a small table 10 % and at most ten,
 * never more than a thousand. A store that was emptied, or another store at the same address, would otherwise take the rows along (H59).
 * Whoever has looked says how many there may be (`--confirm-deletes=N`).
 */
export const mayDelete = (rows: number, confirmed: number | undefined): number =>
  confirmed ?? Math.min(MOST, Math.max(Math.floor(rows / 100), Math.min(10, Math.floor(rows / 10))))
