import { parseCount, parseDuration, parsePercentage } from './duration.ts'
import { parseSize } from './size.ts'

/** The formats that schemas name, as Ajv takes them. */
export const FORMATS = {
  duration: (it: string): boolean => parseDuration(it) !== undefined,
  percentage: (it: string): boolean => parsePercentage(it) !== undefined,
  size: (it: string): boolean => parseSize(it) !== undefined,
  base64: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
  instant: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)$/,
  // A count may be a number or text, and formats apply to one type only.
  count: { type: 'string', validate: (it: string): boolean => parseCount(it) !== undefined },
} as const
