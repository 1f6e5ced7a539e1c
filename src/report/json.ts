import { closing } from './closing.ts'
import type { Report } from './report.ts'

/**
 * A report for machines: the whole value, and the text's last line as `summary`. Characters that a terminal would obey are written as
 * escapes, which any JSON reader turns back.
 */
export function json(report: Report): string {
  const text = JSON.stringify({ ...report, summary: closing(report) }, null, 2)
  return `${text.replace(UNSEEN, escaped)}\n`
}

// Beyond what JSON.stringify escapes by itself: bidi marks, C1 controls, line separators. The newlines are its own indentation.
const UNSEEN = /[\p{Cf}\p{Zl}\p{Zp}\u007f-\u009f]/gu

const escaped = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('')
