import type { JsonSchema } from '../plan/schema-parts.ts'
import type { Facts } from './finding.ts'

/** `below: 1%` has to be below, `above: 5%` must not be above, `at_least: 3` has to be that much. Shares or plain numbers. */
export interface Limits {
  readonly below?: number | string
  readonly above?: number | string
  readonly at_least?: number | string
}

const limit: JsonSchema = {
  type: ['number', 'string'],
  pattern: '^\\d{1,15}(\\.\\d{1,9})?%?$',
  title: 'a number or a percentage',
}

/** What a check may say about its limits; `percentage` where only shares make sense. */
export const limitProperties: Readonly<Record<string, JsonSchema>> = {
  below: { ...limit, description: 'It has to be less than this.' },
  above: { ...limit, description: 'It must not be more than this.' },
  at_least: { ...limit, description: 'It has to be this much.' },
}

/** Is `count` of `total` within the limits? Exact: shares are compared as whole numbers, so 5 % is neither above nor below 5 %. */
export function withinLimits(limits: Limits, count: number, total: number): boolean {
  const { below, above, at_least: atLeast } = limits
  if (below !== undefined && compare(count, total, below) >= 0) return false
  if (above !== undefined && compare(count, total, above) > 0) return false
  return atLeast === undefined || compare(count, total, atLeast) >= 0
}

/** The same for a number that was measured as it is. */
export const isWithin = (limits: Limits, value: number): boolean => {
  const { below, above, at_least: atLeast } = limits
  if (below !== undefined && value >= plain(below)) return false
  if (above !== undefined && value > plain(above)) return false
  return atLeast === undefined || value >= plain(atLeast)
}

/** In words: `below 1%`. */
export const showLimits = ({ below, above, at_least: atLeast }: Limits): string =>
  [
    below !== undefined && `below ${below}`,
    above !== undefined && `not above ${above}`,
    atLeast !== undefined && `at least ${atLeast}`,
  ]
    .filter(Boolean)
    .join(' and ')

export const hasLimits = ({ below, above, at_least: atLeast }: Limits): boolean =>
  below !== undefined || above !== undefined || atLeast !== undefined

/** `5 of 100 calls (5 %)`. */
export const share = (count: number, total: number, noun: string): string =>
  `${count.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} ${noun} (${total === 0 ? 0 : Number(((100 * count) / total).toFixed(3))} %)`

/** A measurement as findings have it. */
export const measured = (text: string, limits: Limits, data: Facts['data']): Facts => ({
  measured: text,
  expected: hasLimits(limits) ? `It is ${showLimits(limits)}.` : '',
  ...(data ? { data } : {}),
})

const plain = (limit: number | string): number =>
  typeof limit === 'number' ? limit : limit.endsWith('%') ? Number(limit.slice(0, -1)) / 100 : Number(limit)

// count/total against limit, as count × 10^11 against limit × total: percentages have nine digits behind the point at most.
function compare(count: number, total: number, limit: number | string): number {
  const text = String(limit)
  const isShare = text.endsWith('%')
  const [whole = '0', fraction = ''] = (isShare ? text.slice(0, -1) : text).split('.')
  const scaled = BigInt(whole + fraction.padEnd(9, '0').slice(0, 9))
  const left = isShare ? BigInt(count) * 100n * SCALE : BigInt(count) * SCALE
  const right = isShare ? scaled * BigInt(total) : scaled
  return left < right ? -1 : left > right ? 1 : 0
}

const SCALE = 1_000_000_000n
