import type { YAMLError } from 'yaml'
import type { PlanCode } from './codes.ts'

/** What to do where YAML took a character for its own. */
export const belongs = (character: string): string =>
  `Put the whole value in quotes if the "${character}" belongs to it.`

/** A mistake of YAML's syntax in words for people who write plans. */
export function explain(error: YAMLError): {
  readonly code: PlanCode
  readonly message: string
  readonly hint?: string
} {
  const sentence = `${error.message.replace(/\.$/, '')}.`
  switch (error.code) {
    case 'DUPLICATE_KEY':
      return { code: 'KV002', message: 'This key stands twice in its map.' }
    case 'MULTIPLE_DOCS':
      return {
        code: 'KV006',
        message: 'A second document begins here.',
        hint: 'Put it in a file of its own.',
      }
    case 'RESOURCE_EXHAUSTION':
      return { code: 'KV008', message: 'This is nested too deeply.' }
    case 'BAD_DIRECTIVE':
      return { code: 'KV004', message: 'Directives are not part of the language.', hint: 'Remove this line.' }
    case 'TAG_RESOLVE_FAILED':
      return { code: 'KV004', message: 'Tags are not part of the language.', hint: belongs('!') }
    case 'TAB_AS_INDENT':
      return { code: 'KV001', message: 'A tab cannot indent.', hint: 'Use spaces.' }
    case 'BLOCK_AS_IMPLICIT_KEY':
      return {
        code: 'KV001',
        message: 'A second ": " stands on this line, or a colon at its end.',
        hint: QUOTE,
      }
    case 'BAD_SCALAR_START':
    case 'BAD_ALIAS':
    case 'UNEXPECTED_TOKEN':
    case 'MULTILINE_IMPLICIT_KEY':
    case 'MISSING_CHAR':
      return { code: 'KV001', message: sentence, hint: QUOTE }
    default:
      return { code: 'KV001', message: sentence }
  }
}

export const codePoint = (character: string): string =>
  `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`

/**
 * Control characters (not tab and line ends), those that turn the direction of text around, lone surrogates, non-characters, and a byte
 * order mark that is not at the beginning.
 */
export const FORBIDDEN = /(?![\t\n\r])\p{Cc}|[\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]|\p{Surrogate}/gu

const QUOTE =
  'A value that begins with a quote, {, [, *, &, !, %, @ or `, or that holds " #" or ": ", or ends with ":", has to be quoted as a whole; inside { } or [ ] also one that holds a comma, { or [.'
