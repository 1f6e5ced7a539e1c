import { forwardClaims } from '../mapping/claim.ts'
import type { Router } from '../mapping/mapping.ts'
import type { Entry, Page, Source } from '../sources/source.ts'

/**
 * The entries of a source that belong to a plan: what its mappings claim, rejected or not, and its index keys, which mean nothing without
 * them. Ephemeral and ignored keys stay the store's own. Pages as the source gives them, keys of others left out.
 */
export function planEntries(source: Source, router: Router, plan: string): AsyncGenerator<Page> {
  const pages = source.scan({
    prefix: Buffer.alloc(0),
    want: (key) => (router.mayClaim(key) === 'nothing' ? 'nothing' : 'entry'),
  })
  return entriesOf(pages, router, plan)
}

/** Pages with the entries that belong to a plan, and none of another. */
export async function* entriesOf(
  pages: AsyncIterable<Page>,
  router: Router,
  plan: string,
): AsyncGenerator<Page> {
  let current: { readonly key: Buffer; readonly isOurs: boolean } | undefined
  for await (const page of pages) {
    const entries: Entry[] = []
    for (const entry of page.entries) {
      // What a collection is shows in its first part.
      if (entry.offset === 0 || !current?.key.equals(entry.key))
        current = { key: Buffer.from(entry.key), isOurs: isOf(entry, router, plan) }
      if (current.isOurs) entries.push(entry)
    }
    yield { ...page, entries }
  }
}

function isOf(entry: Entry, router: Router, plan: string): boolean {
  const claim = forwardClaims(router.route(entry.key, entry.type), entry, () => undefined)
  if (claim?.plan !== plan) return false
  return claim.kind !== 'skip' || claim.skip.fate === 'index'
}
