import type { YamlEntry, YamlNode } from './yaml.ts'

/**
 * A map of which another one says the rest: keys of `own` stand, keys of `base` join. Maps under the keys named in `deep` are put together
 * in the same way. Everything keeps its place in the file.
 */
export function mergedNode(own: YamlNode, base: YamlNode, deep: readonly string[] = []): YamlNode {
  const inherited = base.entries.filter(({ key }) => own.get(key) === undefined)
  const entries = [...own.entries.map((it) => merged(it, base, deep)), ...inherited]
  return {
    kind: 'map',
    value: Object.fromEntries(entries.map(({ key, value }) => [key, value.value])),
    at: own.at,
    entries,
    items: [],
    get: (key) => entries.find((it) => it.key === key)?.value,
    source: own.source,
    locate: (offset) => own.locate(offset),
    cutByComment: own.cutByComment,
  }
}

function merged(entry: YamlEntry, base: YamlNode, deep: readonly string[]): YamlEntry {
  const below = deep.includes(entry.key) ? base.get(entry.key) : undefined
  if (below?.kind !== 'map' || entry.value.kind !== 'map') return entry
  return { ...entry, value: mergedNode(entry.value, below) }
}
