import { didYouMean } from '../diagnostic.ts'
import { SourceError } from '../errors.ts'
import { SOURCES } from './index.ts'
import type { Source, SourceAdapter, SourceContext } from './source.ts'

/**
 * Opens the store at an address, whose scheme picks the driver. Throws SourceError: SOURCE_UNKNOWN for a scheme that does not exist,
 * SOURCE_LATER for one that this build does not have yet, or whatever the driver has to say. The address is not repeated: it may hold
 * a password.
 */
export async function openSource(
  address: string,
  context: SourceContext,
  adapters: readonly SourceAdapter[] = SOURCES,
): Promise<Source> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(address)?.[1]?.toLowerCase()
  const adapter = adapters.find(({ schemes }) => scheme !== undefined && schemes.includes(scheme))
  if (adapter) return adapter.open(address, context)
  const schemes = adapters.flatMap((it) => it.schemes)
  const known = schemes.map((it) => `${it}:`).join(', ')
  if (scheme === undefined)
    throw new SourceError('SOURCE_UNKNOWN', 'The address of the source begins with no scheme.', {
      hint: `It may begin with ${known}.`,
    })
  if (LATER.has(scheme))
    throw new SourceError('SOURCE_LATER', `Sources of kind ${scheme}: are not in this build yet.`, {
      hint: `This one reads ${known}.`,
    })
  const meant = didYouMean(scheme, [...schemes, ...LATER])
  throw new SourceError('SOURCE_UNKNOWN', `There is no source of kind ${scheme}:.`, {
    hint: meant ? `Did you mean ${meant}:?` : `It may be ${known}.`,
  })
}

/** Named in the documentation, and to come. */
const LATER: ReadonlySet<string> = new Set([
  'replit',
  'sqlite',
  'chroma+http',
  'chroma+https',
  'redis+cluster',
  'rediss+cluster',
])
