/** `1 row`, `1,000 rows`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`

/** `a`, `a and b`, `a, b and c`. */
export function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? 'none'
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`
}
