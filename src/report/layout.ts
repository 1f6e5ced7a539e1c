import { printable, printableSentence } from '../printable.ts'

/** Colour, where the reader has it. It only repeats what a word or symbol says. */
export type Painter = { readonly [P in Paint]: (text: string) => string }
export type Paint = 'strong' | 'dim' | 'good' | 'bad' | 'warn'

const asIs = (text: string): string => text
/** No colour at all. */
export const PLAIN: Painter = { strong: asIs, dim: asIs, good: asIs, bad: asIs, warn: asIs }

/** One cell of a table. Text alone is cut to fit; `whole` is not. */
export type Cell =
  | string
  | {
      readonly text: string
      readonly paint?: Paint | undefined
      readonly right?: boolean
      readonly whole?: boolean
    }

export const right = (text: string, paint?: Paint): Cell => ({ text, right: true, paint })
export const painted = (text: string, paint: Paint | undefined): Cell => ({ text, paint })
export const whole = (text: string, paint?: Paint): Cell => ({ text, whole: true, paint })

/**
 * Lines of cells, each column as wide as its widest cell, up to 80 characters. Every cell is made printable here, so that nothing from a store reaches a
 * terminal raw. An empty last cell leaves no spaces behind.
 */
export function columns(rows: readonly (readonly Cell[])[], painter: Painter, indent = 2): string[] {
  const texts = rows.map((row) => row.map(textOf))
  const widths: number[] = []
  for (const row of texts) {
    row.slice(0, -1).forEach((text, index) => {
      const width = widthOf(text)
      // A sentence that is longer than a line moves what stands behind it, not what stands behind all others.
      widths[index] = Math.max(widths[index] ?? 0, width <= WIDEST ? width : 0)
    })
  }
  return rows.map((row, at) => {
    const cells = row.map((cell, index) => {
      const text = texts[at]![index]!
      const isLast = index === row.length - 1
      const space = isLast ? '' : ' '.repeat(Math.max(0, widths[index]! - widthOf(text)))
      const paint = typeof cell === 'string' || cell.paint === undefined ? asIs : painter[cell.paint]
      const colored = text === '' ? '' : paint(text)
      return typeof cell !== 'string' && cell.right && !isLast ? space + colored : colored + space
    })
    return `${' '.repeat(indent)}${cells.join('  ')}`.trimEnd()
  })
}

const WIDEST = 80

/** A line of text, made printable. */
export const line = (text: string, paint: (text: string) => string = asIs, indent = 0): string =>
  `${' '.repeat(indent)}${paint(printableSentence(text))}`

function textOf(cell: Cell): string {
  if (typeof cell === 'string') return printable(cell)
  return cell.whole ? printableSentence(cell.text) : printable(cell.text)
}

const widthOf = (text: string): number => [...text].length
