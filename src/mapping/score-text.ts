import { RejectError } from '../value.ts'

/** The same, and `inf` or `-inf` for what is no number, as Redis writes it. */
export const scoreWord = (score: number): string =>
  Number.isFinite(score) ? scoreText(score) : score > 0 ? 'inf' : '-inf'

/** A score with every digit it has: beyond 2^53, JavaScript prints the shortest text that reads as the same double, not its value. */
export function scoreText(score: number): string {
  if (Object.is(score, -0)) return '-0'
  if (!Number.isFinite(score)) throw new RejectError('NON_FINITE', 'The score is infinite.')
  return Number.isInteger(score) && !Number.isSafeInteger(score) ? String(BigInt(score)) : String(score)
}
