import { type Reference, sameTable, type TableDefinition, type TableName } from './table.ts'

/** A reference, and the table that has it. */
export interface Link {
  readonly table: TableName
  readonly reference: Reference
}

/**
 * The references that form a circle with this one, itself among them. A row that is taken out for one of them may leave rows of all the
 * tables of the circle without a parent.
 */
export function circleOf(link: Link, tables: readonly TableDefinition[]): readonly Link[] {
  const links = tables.flatMap(({ name, references }) =>
    references.map((reference): Link => ({ table: name, reference })),
  )
  const reaches = (from: TableName, to: TableName): boolean => {
    const seen: TableName[] = [from]
    for (const it of seen) {
      if (sameTable(it, to)) return true
      for (const { table, reference } of links) {
        if (sameTable(table, it) && !seen.some((other) => sameTable(other, reference.to)))
          seen.push(reference.to)
      }
    }
    return false
  }
  const isInCircle = ({ table, reference }: Link) =>
    reaches(link.reference.to, table) && reaches(reference.to, link.table)
  const others = links.filter((it) => it.reference !== link.reference && isInCircle(it))
  return [link, ...others.filter((it) => !isSame(it, link))]
}

const isSame = (a: Link, b: Link): boolean =>
  sameTable(a.table, b.table) &&
  sameTable(a.reference.to, b.reference.to) &&
  a.reference.columns.join() === b.reference.columns.join() &&
  a.reference.toColumns.join() === b.reference.toColumns.join()
