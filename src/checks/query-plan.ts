/** How a query reads one table: row by row, or by an index. */
export type Scan = RowScan | IndexScan

export interface RowScan {
  readonly kind: 'rows'
  readonly schema: string
  readonly table: string
}

export interface IndexScan {
  readonly kind: 'index'
  readonly schema: string
  readonly table: string
  /** What the query calls the table. */
  readonly alias: string
  readonly index: string
  /** The conditions that the index answers; none where it is walked from one end to the other. */
  readonly condition: string | undefined
  /** The conditions that are asked of each row that the index gave. */
  readonly filter: string | undefined
  /** The index gives rows by their distance to something. */
  readonly byDistance: boolean
  /** Only the first rows are read: nothing between the scan and a LIMIT wants all of them. */
  readonly limited: boolean
  /** Other indexes that give the rest of the rows (BitmapOr). */
  readonly others: readonly string[]
}

/** A node of EXPLAIN (FORMAT JSON, VERBOSE), as far as it is looked at. */
export interface PlanNode {
  readonly 'Node Type': string
  readonly Plans?: readonly PlanNode[]
  readonly Schema?: string
  readonly 'Relation Name'?: string
  readonly Alias?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly Filter?: string
  readonly 'Order By'?: string
}

/** Every read of a table in a plan. */
export const scansOf = (plan: PlanNode): readonly Scan[] => scans(plan, { limited: false })

interface Above {
  readonly limited: boolean
  /** The Bitmap Heap Scan that the bitmaps are for. */
  readonly heap?: PlanNode
}

function scans(node: PlanNode, above: Above): readonly Scan[] {
  const type = node['Node Type']
  const heap = above.heap ?? node
  const place = { schema: heap.Schema ?? '', table: heap['Relation Name'] ?? '' }
  if (type === 'Seq Scan' || type === 'Sample Scan')
    return [{ kind: 'rows', ...place }, ...below(node, above)]
  if (type === 'BitmapOr') {
    const found = below(node, above)
    const names = [...new Set(found.flatMap((it) => (it.kind === 'index' ? [it.index] : [])))]
    return found.map((it) =>
      it.kind === 'index' ? { ...it, others: names.filter((name) => name !== it.index) } : it,
    )
  }
  if (type === 'Bitmap Heap Scan') return below(node, { limited: false, heap: node })
  if (node['Index Name'] === undefined) {
    return below(node, { ...above, limited: type === 'Limit' || (above.limited && STREAMS.has(type)) })
  }
  return [
    {
      kind: 'index',
      ...place,
      alias: heap.Alias ?? place.table,
      index: node['Index Name'],
      condition: node['Index Cond'],
      filter: heap.Filter,
      byDistance: node['Order By'] !== undefined,
      limited: above.limited,
      others: [],
    },
    ...below(node, { limited: false }),
  ]
}

const below = (node: PlanNode, above: Above): readonly Scan[] =>
  (node.Plans ?? []).flatMap((it) => scans(it, above))

// Nodes that pass rows on as they come.
const STREAMS: ReadonlySet<string> = new Set([
  'Append',
  'Gather',
  'Gather Merge',
  'Incremental Sort',
  'LockRows',
  'Memoize',
  'Merge Append',
  'Nested Loop',
  'ProjectSet',
  'Result',
  'Subquery Scan',
  'Unique',
])
