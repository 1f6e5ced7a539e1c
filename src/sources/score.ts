/** A sorted set's score as Redis prints it: `1.5`, `0.10000000000000001`, `inf`, `-inf`; undefined for what is no number. */
export function parseScore(text: string): number | undefined {
  if (text === 'inf' || text === '+inf') return Infinity
  if (text === '-inf') return -Infinity
  const score = text.trim() === '' ? Number.NaN : Number(text)
  return Number.isNaN(score) ? undefined : score
}
