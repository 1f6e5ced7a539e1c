import type { Counts } from '../executors/executor.ts'

/** `1,204`, whatever the locale. */
export const number = (value: number): string => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',')

/** `1 step`, `2 steps`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${number(value)} ${value === 1 ? one : many}`

/** `a, b and c`. */
export const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`

/** `31 ms`, `0.4 s`, `12 s`, `3 min 20 s`, `1 h 4 min`. */
export function duration(millis: number): string {
  const seconds = Math.round(millis / 1000)
  if (millis < 95) return `${Math.round(millis)} ms`
  if (millis < 9950) return `${(millis / 1000).toFixed(1)} s`
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min${seconds % 60 ? ` ${seconds % 60} s` : ''}`
  return `${number(Math.floor(minutes / 60))} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`
}

/** `999 B`, `1.2 kB`, `34 MB`: powers of ten, as bills count. */
export function bytes(value: number): string {
  let [amount, unit] = [value, 0]
  while (amount >= 999.5 && unit < UNITS.length - 1) [amount, unit] = [amount / 1000, unit + 1]
  const digits = unit === 0 || amount >= 9.95 ? 0 : 1
  return `${amount.toFixed(digits)} ${UNITS[unit]}`
}
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** `1,000 records, 998 inserted, 2 rejected`: what is not nothing, in the order of the work. */
export function countsText(counts: Counts): string {
  const rank = (name: string) => (COUNT_ORDER.includes(name) ? COUNT_ORDER.indexOf(name) : COUNT_ORDER.length)
  return Object.entries(counts)
    .filter(([, value]) => value !== 0)
    .sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map(([name, value]) => `${number(value)} ${name.replaceAll('_', ' ')}`)
    .join(', ')
}
const COUNT_ORDER: readonly string[] = [
  'keys',
  'entries',
  'records',
  'rows',
  'inserted',
  'updated',
  'unchanged',
  'duplicate',
  'filtered',
  'expired',
  'rejected',
  'orphans',
]
