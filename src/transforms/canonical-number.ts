import { type RejectCode, RejectError } from '../value.ts'

const INTEGER = /^(?:0|-?[1-9]\d*)$/
const LOOSE_INTEGER = /^[ \t\n\r\v\f]*[+-]?\d+[ \t\n\r\v\f]*$/
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const LOOSE_NUMBER = /^[ \t\n\r\v\f]*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[ \t\n\r\v\f]*$/
const NON_FINITE = /^\s*[+-]?(?:inf|infinity|nan)\s*$/i

/** Text that is an integer in the only form from which it can be rebuilt; NON_CANONICAL_NUMBER for `007`, `+5`, ` 5`, `-0`. */
export function integerText(text: string): string {
  if (INTEGER.test(text)) return text
  throw LOOSE_INTEGER.test(text)
    ? nonCanonical()
    : new RejectError('NOT_AN_INTEGER', `Expected an integer, found ${lengthOf(text)}.`)
}

/** Text that is a number in JSON's grammar. `otherwise` is the code for text that is no number at all. */
export function numberText(text: string, otherwise: RejectCode = 'NOT_A_NUMBER'): string {
  if (NUMBER.test(text)) return text
  if (LOOSE_NUMBER.test(text)) throw nonCanonical()
  if (NON_FINITE.test(text))
    throw new RejectError('NON_FINITE', 'Expected a finite number, found infinity or NaN.')
  throw new RejectError(otherwise, `Expected a number, found ${lengthOf(text)}.`)
}

const nonCanonical = (): RejectError =>
  new RejectError(
    'NON_CANONICAL_NUMBER',
    'The number is not in its plain form (a plus sign, leading zeros, spaces, a missing digit), which a number column would forget.',
  )

const lengthOf = (text: string): string =>
  text === '' ? 'empty text' : `text of ${text.length} characters that is none`
