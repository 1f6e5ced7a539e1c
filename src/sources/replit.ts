import { SourceError } from '../errors.ts'
import type { SourceAdapter } from './source.ts'

/**
 * The key-value database of a Repl: `replit:`. Its address is what `/tmp/replitdb` holds (`file` names another place), else REPLIT_DB_URL;
 * it is looked up again when Replit renews it. Every value is a request of its own, a few at a time. What is stored is given as it is: JSON
 * text by convention, sometimes encoded twice or wrapped, which is for `decode` to say.
 */
export const replit: SourceAdapter = {
  name: 'replit',
  schemes: ['replit'],
  summary: 'The database of a Repl: text under text, one request a key.',
  lacks: {
    types: 'every value is one text',
    bytes: 'a key is text of at least one letter',
    expiry: 'nothing expires there',
  },
  bills: true,
  options: {
    type: 'object',
    additionalProperties: false,
    properties: { file: { type: 'string', description: 'Where the address is, instead of /tmp/replitdb.' } },
  },
  async open(address, context) {
    if (!/^replit:(\/\/)?$/i.test(address))
      throw new SourceError('SOURCE_ADDRESS', 'The address of a Replit source is replit: and nothing more.', {
        hint: 'Where the database is, /tmp/replitdb or REPLIT_DB_URL says: it is a secret.',
      })
    const { ReplitSource } = await import('./replit/replit-source.ts')
    return ReplitSource.open(context)
  },
  async openLive(_, context) {
    const { LiveReplit } = await import('./replit/live-replit.ts')
    return LiveReplit.open(context)
  },
}
