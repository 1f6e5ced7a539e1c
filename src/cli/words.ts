/** `1,203,000` */
export const number = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',')

/** `1 row`, `2,000 rows` */
export const count = (amount: number, one: string, many = `${one}s`): string =>
  `${number(amount)} ${amount === 1 ? one : many}`

/** `0.3 s`, `12 s`, `4 min 5 s`, `2 h 3 min` */
export function duration(millis: number): string {
  const seconds = millis / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** `a, b and c` */
export const list = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
