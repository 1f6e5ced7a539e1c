/**
 * Finds, for a key, the things whose `prefix` the key begins with, in their given order. The lists are made once, one for each place in a
 * tree of prefixes; a lookup walks down the tree as far as the key goes.
 */
export function compilePrefixes<T extends { readonly prefix: string }>(
  things: readonly T[],
): (key: string) => readonly T[] {
  const root = nodeOf('', things)
  for (const prefix of branches(things.map((it) => it.prefix))) insert(root, nodeOf(prefix, things))
  return (key) => {
    let node = root
    for (;;) {
      const next = node.children.get(key.charCodeAt(node.prefix.length))
      if (!next || !key.startsWith(next.prefix)) return node.things
      node = next
    }
  }
}

interface Node<T> {
  readonly prefix: string
  /** What has this prefix, or a shorter one. */
  readonly things: readonly T[]
  /** By the character that comes after this node's prefix. */
  readonly children: Map<number, Node<T>>
}

const nodeOf = <T extends { readonly prefix: string }>(prefix: string, things: readonly T[]): Node<T> => ({
  prefix,
  things: things.filter((it) => prefix.startsWith(it.prefix)),
  children: new Map(),
})

/** The prefixes and the places where they part, shorter ones first: then no two children of a node begin alike. */
function branches(prefixes: readonly string[]): readonly string[] {
  const sorted = [...new Set(prefixes)].sort()
  const all = new Set(sorted)
  for (const [index, prefix] of sorted.entries()) if (index > 0) all.add(common(sorted[index - 1]!, prefix))
  all.delete('')
  return [...all].sort((a, b) => a.length - b.length)
}

function common(a: string, b: string): string {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return a.slice(0, length)
}

function insert<T>(root: Node<T>, node: Node<T>): void {
  let parent = root
  for (;;) {
    const character = node.prefix.charCodeAt(parent.prefix.length)
    const next = parent.children.get(character)
    if (!next) {
      parent.children.set(character, node)
      return
    }
    parent = next
  }
}
