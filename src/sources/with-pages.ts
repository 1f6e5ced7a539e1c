import type { Page, Source } from './source.ts'

/** A source that is the same in everything but its pages. Whatever else a source can do, this one can. */
export function withPages(
  source: Source,
  change: (pages: AsyncIterable<Page>) => AsyncIterable<Page>,
): Source {
  const changed: Pick<Source, 'scan' | 'read'> = {
    scan: (selection, from) => change(source.scan(selection, from)),
    read: (keys) => change(source.read(keys)),
  }
  return new Proxy(source, {
    get: (target, name) => {
      if (name === 'scan' || name === 'read') return changed[name]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
