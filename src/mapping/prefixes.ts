/**
 * Finds, for a key, the things whose `prefix` the key begins with, in their given order. The lists are made once, one for each place in a
 * tree of prefixes; a lookup walks down the tree as far as the key goes.
 */
export function compilePrefixes<T extends { readonly prefix: string }>(
  things: readonly T[],
): (key: string) => readonly T[] {
  const prefixes = [...new Set(things.map((it) => it.prefix))].sort((a, b) => a.length - b.length)
  const root = nodeOf('', things)
  for (const prefix of prefixes) if (prefix !== '') insert(root, nodeOf(prefix, things))
  return (key) => {
    let node = root
    for (;;) {
      const next = node.children
        .get(key.charCodeAt(node.prefix.length))
        ?.find((it) => key.startsWith(it.prefix))
      if (!next) return node.things
      node = next
    }
  }
}

interface Node<T> {
  readonly prefix: string
  /** What has this prefix, or a shorter one. */
  readonly things: readonly T[]
  /** By the character that comes after this node's prefix. */
  readonly children: Map<number, Node<T>[]>
}

const nodeOf = <T extends { readonly prefix: string }>(prefix: string, things: readonly T[]): Node<T> => ({
  prefix,
  things: things.filter((it) => prefix.startsWith(it.prefix)),
  children: new Map(),
})

/** Shorter prefixes come first, so what a node belongs under is there already. */
function insert<T>(parent: Node<T>, node: Node<T>): void {
  const character = node.prefix.charCodeAt(parent.prefix.length)
  const siblings = parent.children.get(character) ?? []
  const above = siblings.find((it) => node.prefix.startsWith(it.prefix))
  if (above) {
    insert(above, node)
  } else {
    siblings.push(node)
    parent.children.set(character, siblings)
  }
}
