/** `500ms`, `30s`, `10m`, `24h`, `7d` in milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const found = DURATION.exec(text)
  const millis = found && Number(found[1]) * UNITS[found[2] as keyof typeof UNITS]
  return millis && Number.isSafeInteger(millis) ? millis : undefined
}

/** A share such as `0.1%`, as a number from 0 to 1; undefined for anything else. */
export function parsePercentage(text: string): number | undefined {
  const found = /^(\d{1,3}(?:\.\d{1,9})?)%$/.exec(text)
  const share = found ? Number(found[1]) / 100 : undefined
  return share !== undefined && share <= 1 ? share : undefined
}

/** A count: a whole number above 0, or text such as `200k` or `1.5M`; undefined for anything else. */
export function parseCount(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value > 0 ? value : undefined
  const found = /^(\d{1,9}(?:\.\d{1,3})?)([kM])$/.exec(String(value))
  const count = found ? Math.round(Number(found[1]) * THOUSANDS[found[2] as keyof typeof THOUSANDS]) : 0
  return count > 0 ? count : undefined
}

const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/
const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const THOUSANDS = { k: 1000, M: 1_000_000 }
